import { describe, expect, test } from '@jest/globals';
import dnsPacket from 'dns-packet';
import type { AnsweredAddress, EgressGate } from '../../../src/dns/collaborators.js';
import { EgressFilter } from '../../../src/dns/sandbox/egress-filter.js';
import { opt, queryFor } from '../../support/dns/dns-packets.js';
import { eventually } from '../../support/time/eventually.js';

const NOW = async () => undefined;

function allowing(
  names: readonly string[],
  outcome: 'admitted' | 'refused' | 'failed' = 'admitted',
  answer: Buffer | undefined = undefined,
) {
  const admitted: AnsweredAddress[] = [];
  const asked: string[] = [];
  const gate: EgressGate = {
    judge: (name) => (names.includes(name) ? 'allowed' : 'refused'),
    admit: async (_, addresses) => {
      admitted.push(...addresses);
      return outcome;
    },
  };
  const servers = {
    ask: async (query: Buffer) => {
      asked.push(`${dnsPacket.decode(query).questions?.[0]?.name}`);
      return answer;
    },
  };
  return { filter: new EgressFilter(() => gate, NOW, servers), admitted, asked };
}

const NO_SERVERS = { ask: async () => undefined };

const answerOf = (name: string, more: Partial<dnsPacket.Packet> = {}): Buffer =>
  dnsPacket.encode({
    ...{ type: 'response', id: 7, flags: 0x0180, questions: [{ type: 'A', name }] },
    answers: [
      { type: 'CNAME', name, data: 'cdn.example.net', ttl: 300 },
      { type: 'A', name: 'cdn.example.net', data: '192.0.2.1', ttl: 60 },
      { type: 'AAAA', name: 'cdn.example.net', data: '2001:db8::1', ttl: 30 },
    ],
    ...more,
  });

/** Of an answer: 0, 2 (failure), 3 (no such name), 5 (refused). */
const rcodeOf = (message: Buffer | 'forward') => (message as Buffer).readUInt16BE(2) & 0xf;

describe('a name that may be one of swarm, or of a container that is not closed', () => {
  test("is Docker's resolver's affair", async () => {
    const { filter, asked } = allowing([]);
    for (const name of ['web', 'tasks.web'])
      expect(await filter.judge(queryFor(name), 'udp')).toBe('forward');
    expect(await new EgressFilter(() => undefined, NOW, NO_SERVERS).judge(queryFor('evil.com'), 'udp')).toBe(
      'forward',
    );
    expect(asked).toEqual([]);
  });
});

describe('a name that a closed container may not ask for', () => {
  test('is answered "no such name", with the reason where there is room for it, and asked of nobody', async () => {
    const { filter, asked } = allowing(['github.com']);
    const plain = (await filter.judge(queryFor('evil.com', 'TXT'), 'udp')) as Buffer;
    expect([rcodeOf(plain), dnsPacket.decode(plain).questions?.[0]?.name]).toEqual([3, 'evil.com']);
    const query = queryFor('evil.com', 'A', { additionals: [opt(1232)] });
    const extended = (await filter.judge(query, 'tcp')) as Buffer;
    expect(rcodeOf(extended)).toBe(3);
    // Extended DNS error 18: "prohibited".
    expect(extended.subarray(-6)).toEqual(Buffer.of(0, 15, 0, 2, 0, 18));
    expect(dnsPacket.decode(extended).additionals).toHaveLength(1);
    expect(asked).toEqual([]);
  });

  test('is refused when it cannot be read', async () => {
    const { filter, asked } = allowing(['github.com']);
    const two = dnsPacket.encode({
      type: 'query',
      questions: ['github.com', 'evil.com'].map((name) => ({ type: 'A', name })),
    });
    expect(rcodeOf(await filter.judge(two, 'udp'))).toBe(5);
    expect(asked).toEqual([]);
  });
});

describe('a name that it may ask for', () => {
  test('is answered when all its addresses have been let through', async () => {
    const answer = answerOf('GitHub.com');
    const { filter, admitted, asked } = allowing(['github.com'], 'admitted', answer);
    expect(await filter.judge(queryFor('GitHub.com'), 'udp')).toBe(answer);
    expect(asked).toEqual(['GitHub.com']);
    expect(admitted).toEqual([
      { address: '192.0.2.1', ttlSeconds: 60 },
      { address: '2001:db8::1', ttlSeconds: 30 },
    ]);
  });

  test.each([
    ['refused', 3],
    ['failed', 2],
  ] as const)('is not answered when they are %s', async (outcome, rcode) => {
    const { filter } = allowing(['github.com'], outcome, answerOf('github.com'));
    const answer = (await filter.judge(queryFor('github.com'), 'udp')) as Buffer;
    expect([rcodeOf(answer), dnsPacket.decode(answer).answers]).toEqual([rcode, []]);
  });

  test('is a failure when no server answers, and what they deny is denied', async () => {
    expect(rcodeOf(await allowing(['github.com']).filter.judge(queryFor('github.com'), 'udp'))).toBe(2);
    const denial = answerOf('github.com', { flags: 0x0183, answers: [] });
    const { filter, admitted } = allowing(['github.com'], 'admitted', denial);
    expect(await filter.judge(queryFor('github.com'), 'udp')).toBe(denial);
    expect(admitted).toEqual([]);
  });
});

test('one container cannot have all the queries that the host asks for containers at a time', async () => {
  let asked = 0;
  const silent = {
    ask: () => {
      asked += 1;
      return new Promise<undefined>(() => undefined);
    },
  };
  const gate: EgressGate = { judge: () => 'allowed', admit: async () => 'admitted' };
  const [greedy, other] = [1, 2].map(() => new EgressFilter(() => gate, NOW, silent));
  const answers = Array.from({ length: 100 }, () => greedy?.judge(queryFor('github.com'), 'udp'));
  // At once, so that it asks again.
  expect(rcodeOf((await answers.at(-1)) ?? 'forward')).toBe(2);
  expect(asked).toBe(64);
  void other?.judge(queryFor('github.com'), 'udp');
  await eventually(() => asked === 65);
});

test('a query waits until it is known who asks, and fails after that, so that it is asked again', async () => {
  let judged: ReturnType<EgressGate['judge']> = 'wait';
  const gate: EgressGate = { judge: () => judged, admit: async () => 'admitted' };
  const learn = async () => {
    judged = 'refused';
  };
  const known = new EgressFilter(() => gate, learn, NO_SERVERS);
  expect(rcodeOf(await known.judge(queryFor('github.com'), 'udp'))).toBe(3);
  judged = 'wait';
  const slow = (timeoutMs: number) => new Promise<void>((resolve) => setTimeout(resolve, timeoutMs / 4));
  const unknown = new EgressFilter(() => gate, slow, NO_SERVERS);
  expect(rcodeOf(await unknown.judge(queryFor('github.com'), 'udp'))).toBe(2);
});
