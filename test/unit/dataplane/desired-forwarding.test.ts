import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { RemoteEndpoint } from '../../../src/dataplane/dataplane.js';
import { DesiredForwarding } from '../../../src/dataplane/forwarding/desired-forwarding.js';
import { diffForwarding } from '../../../src/dataplane/forwarding/diff-forwarding.js';
import type { ForwardingState } from '../../../src/dataplane/forwarding/forwarding-state.js';

const OWN_VTEP = '192.0.2.1';
const MAC = '02:00:00:00:00:01';

type Remote = Omit<RemoteEndpoint, 'since'>;
type Remotes = ReadonlyMap<string, RemoteEndpoint>;

/** All of it, computed at once. */
function whole(remotes: Remotes, ipv6 = true): ForwardingState {
  const forwarding = new DesiredForwarding(OWN_VTEP, ipv6);
  forwarding.change(remotes, remotes.keys());
  return forwarding.state;
}

/** Created in this order. */
function desiredForwarding(remotes: readonly Remote[], ipv6 = true): ForwardingState {
  return whole(new Map(remotes.map((remote, since) => [`${since}`, { ...remote, since }])), ipv6);
}

describe('desired forwarding', () => {
  test('has no IPv6 neighbours where the kernel has no IPv6', () => {
    const remote = { mac: MAC, addresses: ['10.0.0.1', 'fd00::1'], vtep: '192.0.2.2' };
    const { neighbours } = desiredForwarding([remote], false);
    expect(neighbours).toEqual(new Map([['10.0.0.1', remote.mac]]));
  });

  test('floods to each host once and never to this one', () => {
    const remotes = ['192.0.2.1', '192.0.2.2', '192.0.2.2', '192.0.2.3'].map((vtep, i) => ({
      mac: `02:00:00:00:00:0${i}`,
      addresses: [],
      vtep,
    }));
    const { flood, remotes: entries } = desiredForwarding(remotes);
    expect([...flood.keys()]).toEqual(['192.0.2.2', '192.0.2.3']);
    expect([...entries.keys()]).toHaveLength(3);
  });

  test.each([
    ['02:d4:0a:01:00:03', 'fe80::d4:aff:fe01:3'],
    ['02:00:00:00:00:01', 'fe80::ff:fe00:1'],
    ['52:54:00:12:34:56', 'fe80::5054:ff:fe12:3456'],
  ])('answers for the link-local address that %s makes, %s, when the endpoint has IPv6', (mac, linkLocal) => {
    const remote = { mac, addresses: ['fd00::1'], vtep: '192.0.2.2' };
    const { neighbours } = desiredForwarding([remote]);
    expect(neighbours.get(linkLocal)).toBe(mac);
  });

  test.each([
    { mac: '01:00:5e:00:00:01', addresses: [], vtep: '192.0.2.2' },
    { mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/24'], vtep: '192.0.2.2' },
    { mac: '02:00:00:00:00:01', addresses: ['fe80::1%eth0'], vtep: '192.0.2.2' },
    { mac: '02:00:00:00:00:01', addresses: [], vtep: 'host2' },
  ])('refuses %j, and changes nothing then', (remote) => {
    const right = { mac: '02:00:00:00:00:02', addresses: ['10.0.0.2'], vtep: '192.0.2.2', since: 1 };
    const forwarding = new DesiredForwarding(OWN_VTEP, true);
    const remotes = new Map([
      ['right', right],
      ['wrong', { ...remote, since: 2 }],
    ]);
    expect(() => forwarding.change(remotes, remotes.keys())).toThrow(
      expect.objectContaining({ code: 'INVALID' }),
    );
    expect(forwarding.state).toEqual(whole(new Map()));
  });
});

describe('of two endpoints with one MAC and one address', () => {
  const at = (vtep: string, since: number) => ({ mac: MAC, addresses: ['10.0.0.1'], vtep, since });
  const [older, newer] = [at('192.0.2.2', 1), at('192.0.2.3', 2)];

  test.each<[string, Record<string, RemoteEndpoint>[]]>([
    ['the later comes last', [{ older }, { older, newer }]],
    ['the later comes first', [{ newer }, { older, newer }]],
    ['both come at once', [{ newer, older }]],
  ])('the later has the entries: %s', (_, steps) => {
    const forwarding = new DesiredForwarding(OWN_VTEP, true);
    for (const step of steps) forwarding.change(new Map(Object.entries(step)), ['older', 'newer']);
    expect([...(forwarding.state.remotes.get(MAC)?.vteps ?? [])]).toEqual(['192.0.2.3']);
    expect([...forwarding.state.flood.keys()].toSorted()).toEqual(['192.0.2.2', '192.0.2.3']);
  });

  test.each<[string, Record<string, RemoteEndpoint>[], string | undefined]>([
    ['the later goes', [{ older, newer }, { older }], '192.0.2.2'],
    ['the older goes', [{ older, newer }, { newer }], '192.0.2.3'],
    ['the one takes the place of the other in one step', [{ older }, { newer }], '192.0.2.3'],
    ['the older goes first', [{ older }, {}, { newer }], '192.0.2.3'],
    ['both go', [{ older, newer }, {}], undefined],
  ])('%s', (_, steps, vtep) => {
    const forwarding = new DesiredForwarding(OWN_VTEP, true);
    for (const step of steps) forwarding.change(new Map(Object.entries(step)), ['older', 'newer']);
    expect([...(forwarding.state.remotes.get(MAC)?.vteps ?? [])][0]).toBe(vtep);
    expect(forwarding.state.neighbours.get('10.0.0.1')).toBe(vtep && MAC);
  });
});

const byte = fc.integer({ min: 1, max: 4 });
const remote: fc.Arbitrary<RemoteEndpoint> = fc.record({
  mac: byte.map((n) => `02:00:00:00:00:0${n}`),
  addresses: fc.array(
    fc.oneof(
      byte.map((n) => `10.0.0.${n}`),
      byte.map((n) => `fd00::${n}`),
    ),
    { maxLength: 3 },
  ),
  vtep: byte.map((n) => `192.0.2.${n}`),
  since: byte,
});
/** Each step: what becomes of some endpoints. */
const steps = fc.array(
  fc.dictionary(
    byte.map((n) => `e${n}`),
    fc.option(remote),
    { maxKeys: 3 },
  ),
  { maxLength: 12 },
);

describe('any sequence of changes', () => {
  const follow = (
    changes: readonly Record<string, RemoteEndpoint | null>[],
    ipv6: boolean,
    check: (forwarding: DesiredForwarding, remotes: Remotes, changed: string[]) => void,
  ) => {
    const forwarding = new DesiredForwarding(OWN_VTEP, ipv6);
    const remotes = new Map<string, RemoteEndpoint>();
    for (const change of changes) {
      for (const [id, now] of Object.entries(change)) {
        if (now) remotes.set(id, now);
        else remotes.delete(id);
      }
      check(forwarding, remotes, Object.keys(change));
    }
  };

  test('leads to what is computed at once', () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (changes, ipv6) => {
        follow(changes, ipv6, (forwarding, remotes, changed) => {
          forwarding.change(remotes, changed);
          expect(forwarding.state).toEqual(whole(remotes, ipv6));
        });
      }),
      { numRuns: 500 },
    );
  });

  test('has the same kernel changes as the comparison of everything, and compares what changed alone', () => {
    fc.assert(
      fc.property(steps, (changes) => {
        let former: Remotes = new Map();
        follow(changes, true, (forwarding, remotes, changed) => {
          const all = forwarding.state;
          const { before, after } = forwarding.change(remotes, changed);
          const named = (of: ReturnType<typeof diffForwarding>) =>
            of.toSorted((a, b) => `${a.kind} ${a.object}`.localeCompare(`${b.kind} ${b.object}`));
          expect(named(diffForwarding(before, after))).toEqual(named(diffForwarding(all, forwarding.state)));
          // A MAC, a VTEP, and for each address one neighbour, and one for all that are link-local; before and after.
          const needs = changed.flatMap((id) => [former.get(id), remotes.get(id)]);
          const most = needs.reduce((sum, each) => sum + (each ? 3 + each.addresses.length : 0), 0);
          for (const { remotes: macs, flood, neighbours } of [before, after])
            expect(macs.size + flood.size + neighbours.size).toBeLessThanOrEqual(most);
          former = new Map(remotes);
        });
      }),
      { numRuns: 500 },
    );
  });
});
