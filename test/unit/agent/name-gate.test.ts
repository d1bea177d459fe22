import { describe, expect, test } from '@jest/globals';
import type { GuardedContainer } from '../../../src/agent/egress/guarded-container.js';
import { NameGate } from '../../../src/agent/egress/name-gate.js';
import { RefusedNames } from '../../../src/agent/egress/refused-names.js';
import type { EgressAddress } from '../../../src/dataplane/egress/egress-rules.js';
import { XnetError } from '../../../src/errors.js';

function gateFor(allow: string | undefined, failures = 0) {
  const admitted: EgressAddress[] = [];
  const refused: string[] = [];
  let [left, closed] = [failures, 0];
  const container: GuardedContainer | undefined =
    allow === undefined
      ? undefined
      : { id: 'c1', name: 'web', labels: { 'xnet.egress.allow': allow }, otherWays: [] };
  const gate = new NameGate({
    container: () => container,
    isOwn: (address) => address === '203.0.113.9',
    refused: (name, why) => refused.push(`${name}: ${why}`),
    admit: (addresses) => {
      if (left-- > 0) throw new XnetError('KERNEL', 'the table is gone');
      admitted.push(...addresses);
    },
    closeAgain: async () => {
      closed++;
    },
  });
  return { gate, admitted, refused, closedAgain: () => closed };
}

const answer = (address: string, ttlSeconds = 60) => [{ address, ttlSeconds }];

describe('the names that a container may ask for', () => {
  test('are those of its label; until Docker has named it, nobody knows', () => {
    expect(gateFor(undefined).gate.judge('github.com')).toBe('wait');
    const { gate, refused } = gateFor('github.com');
    expect([gate.judge('github.com'), gate.judge('evil.com')]).toEqual(['allowed', 'refused']);
    expect(refused).toEqual(['evil.com: not in xnet.egress.allow']);
    expect(gateFor('github.com,no port:x').gate.judge('github.com')).toBe('refused');
  });

  test('let their addresses through for longer than the TTL, by the ports of the label', async () => {
    const { gate, admitted } = gateFor('github.com:443,github.com:22/tcp,*.example.com');
    expect(await gate.admit('github.com', answer('192.0.2.1'))).toBe('admitted');
    expect(await gate.admit('a.example.com', answer('2001:db8::1', 1e9))).toBe('admitted');
    expect(admitted).toEqual([
      {
        address: '192.0.2.1',
        seconds: 660,
        ports: [
          { port: 443, protocol: 'tcp' },
          { port: 443, protocol: 'udp' },
          { port: 22, protocol: 'tcp' },
        ],
      },
      { address: '2001:db8::1', seconds: 86_400 },
    ]);
  });

  test.each(['10.0.0.5', '169.254.169.254', '::ffff:10.0.0.5', 'fd00::1', '203.0.113.9'])(
    'do not lead to %s, which is private or a network of the cluster',
    async (address) => {
      const { gate, admitted, refused } = gateFor('github.com');
      expect(await gate.admit('github.com', [...answer('192.0.2.1'), ...answer(address)])).toBe('refused');
      expect([admitted, refused.length]).toEqual([[], 1]);
    },
  );

  test('do so where a subnet of the label has the address', async () => {
    const { gate, admitted } = gateFor('intranet.example.com,10.0.0.0/8:443');
    expect(await gate.admit('intranet.example.com', answer('10.0.0.5'))).toBe('admitted');
    expect(admitted).toHaveLength(1);
  });

  test('are not answered with addresses that the kernel does not let through', async () => {
    const once = gateFor('github.com', 1);
    expect(await once.gate.admit('github.com', answer('192.0.2.1'))).toBe('admitted');
    expect([once.closedAgain(), once.admitted.length]).toEqual([1, 1]);
    const always = gateFor('github.com', 9);
    expect(await always.gate.admit('github.com', answer('192.0.2.1'))).toBe('failed');
    expect(always.refused).toEqual(['github.com: could not be let through: the table is gone']);
  });
});

test('refused names are counted, the latest last, and 20 a minute are reported', () => {
  const reported: string[] = [];
  const names = new RefusedNames((container, what) => reported.push(`${container} ${what}`));
  const [web, db] = [
    { id: 'c1', name: 'web' },
    { id: 'c2', name: 'db' },
  ];
  for (let i = 0; i < 30; i++) names.note(web, `n${i}.evil.com`, 'no');
  names.note(web, 'n0.evil.com', 'no');
  expect(reported).toHaveLength(20);
  expect(names.of(web).at(-1)).toMatchObject({ name: 'n0.evil.com', count: 2 });
  for (let i = 0; i < 2_000; i++) names.note(web, `m${i}.evil.com`, 'no');
  expect(names.of(web)).toHaveLength(1_000);
  expect(names.of(db)).toEqual([]);
  // Of many the one that was refused longest ago is forgotten.
  for (let i = 0; i < 999; i++) names.note({ id: `other${i}`, name: 'other' }, 'evil.com', 'no');
  names.note(web, 'n1.evil.com', 'no');
  names.note(db, 'evil.com', 'no');
  expect([names.of(web).length, names.of(db).length]).toEqual([1_000, 1]);
  expect(names.of({ id: 'other0', name: 'other' })).toEqual([]);
});
