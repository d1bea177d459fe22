import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Change, linesOf, repairsOf } from '../../../src/dataplane/changes.js';
import type { RemoteEndpoint } from '../../../src/dataplane/dataplane.js';
import { DesiredForwarding } from '../../../src/dataplane/forwarding/desired-forwarding.js';
import { diffForwarding } from '../../../src/dataplane/forwarding/diff-forwarding.js';
import type { ForwardingState } from '../../../src/dataplane/forwarding/forwarding-state.js';
import { KernelModel } from '../../support/kernel/kernel-model.js';

const OWN_VTEP = '192.0.2.1';
const MAC = '02:00:00:00:00:01';
type Remote = Omit<RemoteEndpoint, 'since'>;

/** What is desired for these endpoints, created in this order. */
function desiredForwarding({ remotes }: { remotes: readonly Remote[] }, ipv6 = true): ForwardingState {
  const forwarding = new DesiredForwarding(OWN_VTEP, ipv6);
  const byId = new Map(remotes.map((remote, since) => [`${since}`, { ...remote, since }]));
  forwarding.change(byId, byId.keys());
  return forwarding.state;
}

/** The entries after the changes. */
function apply(state: ForwardingState, changes: readonly Change[]): ForwardingState {
  const kernel = new KernelModel([], state);
  kernel.run([...linesOf(changes, 'bridge'), ...linesOf(changes, 'ip')]);
  return kernel.forwarding();
}

const byte = fc.integer({ min: 1, max: 4 });
const vtep = byte.map((n) => `192.0.2.${n}`);
const mac = byte.map((n) => `02:00:00:00:00:0${n}`);
const remote: fc.Arbitrary<Remote> = fc.record({
  mac,
  addresses: fc.array(byte.map((n) => `10.0.0.${n}`)),
  vtep,
});
const forwarding = fc.record({ remotes: fc.array(remote, { maxLength: 6 }) });
const ports = fc
  .array(
    fc.tuple(
      mac,
      byte.map((n) => `xc${n}`),
    ),
  )
  .map((entries) => new Map(entries));
const desired = fc
  .tuple(forwarding, ports)
  .map(([wanted, local]): ForwardingState => ({ ...desiredForwarding(wanted), ports: local }));
/** As anybody may have left it: one place for a MAC on the bridge, any number of destinations of the tunnel. */
const observed: fc.Arbitrary<ForwardingState> = fc
  .record({
    remotes: fc
      .array(
        fc.tuple(mac, fc.record({ bridged: fc.boolean(), vteps: fc.array(vtep).map((to) => new Set(to)) })),
      )
      .map((entries) => new Map(entries.filter(([, { bridged, vteps }]) => bridged || vteps.size > 0))),
    flood: fc.array(vtep).map((vteps) => new Map(vteps.map((each) => [each, true] as const))),
    neighbours: fc
      .array(
        fc.tuple(
          byte.map((n) => `10.0.0.${n}`),
          mac,
        ),
      )
      .map((entries) => new Map(entries)),
    ports,
  })
  .map((state) => new KernelModel([], state).forwarding());

describe('diffForwarding', () => {
  test('is empty when it was applied, whatever there was', () => {
    fc.assert(
      fc.property(observed, desired, (before, wanted) => {
        const after = apply(before, diffForwarding(before, wanted));
        expect(diffForwarding(after, wanted)).toEqual([]);
        expect(after.remotes).toEqual(wanted.remotes);
        expect(after.flood).toEqual(wanted.flood);
        expect(after.neighbours).toEqual(wanted.neighbours);
        // A remote wins over a port of this host.
        const local = [...wanted.ports].filter(([each]) => !wanted.remotes.has(each));
        expect(after.ports).toEqual(new Map(local));
      }),
      { numRuns: 500 },
    );
  });

  test('names each object once, and has lines for each', () => {
    fc.assert(
      fc.property(observed, desired, (before, wanted) => {
        const changes = diffForwarding(before, wanted);
        const names = changes.map(({ kind, object }) => `${kind} ${object}`);
        expect(new Set(names).size).toBe(names.length);
        for (const { ip = [], bridge = [] } of changes) expect(ip.length + bridge.length).toBeGreaterThan(0);
      }),
    );
  });

  test('of equal states is empty', () => {
    fc.assert(fc.property(desired, (same) => expect(diffForwarding(same, same)).toEqual([])));
  });

  test('never leaves a moved MAC without an entry', () => {
    const at = (vtep: string) => desiredForwarding({ remotes: [{ mac: MAC, addresses: [], vtep }] });
    const lines = linesOf(diffForwarding(at('192.0.2.2'), at('192.0.2.3')), 'bridge');
    for (let done = 0; done <= lines.length; done++) {
      const kernel = new KernelModel([], at('192.0.2.2'));
      kernel.run(lines.slice(0, done));
      expect(kernel.forwarding().remotes.get(MAC)?.vteps.size).toBe(1);
    }
  });

  test('makes what is new before it removes what is extra', () => {
    const to = (n: number) => ({
      mac: `02:00:00:00:00:0${n}`,
      addresses: [`10.0.0.${n}`],
      vtep: `192.0.2.${n}`,
    });
    const [before, after] = [
      [to(2), to(3)],
      [to(3), to(4)],
    ].map((remotes) => desiredForwarding({ remotes }));
    const changes = diffForwarding(before!, after!);
    for (const step of ['bridge', 'ip'] as const) {
      const verbs = linesOf(changes, step).map((line) => line.split(' ')[1] === 'del');
      expect(verbs).toEqual(verbs.toSorted());
    }
  });

  test('repairs a MAC that others gave a second destination', () => {
    const wanted = desiredForwarding({ remotes: [{ mac: MAC, addresses: [], vtep: '192.0.2.2' }] });
    const doubled = { bridged: true, vteps: new Set(['192.0.2.9', '192.0.2.2']) };
    const before = { ...wanted, remotes: new Map([[MAC, doubled]]) };
    const changes = diffForwarding(before, wanted);
    expect(apply(before, changes)).toEqual(wanted);
    expect(repairsOf(changes)).toEqual([{ kind: 'fdb-entry', object: MAC, was: 'altered' }]);
  });
});
