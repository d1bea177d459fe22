/** What becomes of the kernel's forwarding entries, in miniature, when a network is given its endpoints again and again. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { RemoteEndpoint } from '../../../src/dataplane/dataplane.js';
import { DesiredForwarding } from '../../../src/dataplane/forwarding/desired-forwarding.js';
import type { Iproute2 } from '../../../src/dataplane/iproute2/iproute2.js';
import { type OverlayHost, OverlayNetwork } from '../../../src/dataplane/overlay/overlay-network.js';
import { VXLAN_LAYOUT } from '../../../src/dataplane/overlay/vxlan-layout.js';
import { XnetError } from '../../../src/errors.js';
import { KernelModel } from '../../support/kernel/kernel-model.js';
import { randomFrom } from '../../support/random.js';

const OWN_VTEP = '192.0.2.1';
/** What containers may send is not the kernel's in miniature. */
const NETWORK = { id: '0123456789ab', vni: 77, mtu: 1450, multicast: true, spoof: 'allow' as const };
const macOf = (n: number) => `02:00:00:00:00:0${n}`;

/** The door to a kernel in miniature that has br0, and the lines that went through it. */
class Door implements Pick<Iproute2, 'batch'> {
  readonly kernel = new KernelModel([{ ifname: 'br0', flags: ['UP'], mtu: 1450 }]);
  lines: string[] = [];
  looks = 0;
  refusing = false;
  /** Such a line is refused, whenever it comes. */
  refused = /^$/;

  async batch(_program: string, _namespace: string | undefined, all: readonly string[]) {
    if (this.refusing && all.length > 0) throw new XnetError('KERNEL', 'not now');
    const lines = all.filter((line) => !this.refused.test(line));
    this.lines.push(...lines);
    this.kernel.run(lines);
    if (lines.length < all.length) throw new XnetError('KERNEL', 'not these');
    return [];
  }

  async observe() {
    this.looks += 1;
    return this.kernel.forwarding();
  }
}

function networkBehind(door: Door): OverlayNetwork {
  const forwarding = { ...VXLAN_LAYOUT.forwarding, observe: () => door.observe() };
  const layout = { ...VXLAN_LAYOUT, forwarding };
  const host = { iproute2: door, tunnel: async () => ({ vtep: OWN_VTEP, port: 4789 }) };
  const namespace = { path: async () => '/proc/1/fd/3' };
  return new OverlayNetwork(NETWORK.id, { ...host, namespace } as unknown as OverlayHost, layout);
}

const digit = fc.integer({ min: 1, max: 4 });
const remote: fc.Arbitrary<RemoteEndpoint> = fc.record({
  mac: digit.map(macOf),
  addresses: fc.array(
    digit.map((n) => `10.0.0.${n}`),
    { maxLength: 2 },
  ),
  vtep: digit.map((n) => `192.0.2.${n}`),
  since: digit,
});
const step = fc.record({
  /** What becomes of endpoints of other hosts. */
  change: fc.dictionary(
    digit.map((n) => `e${n}`),
    fc.option(remote),
    { maxKeys: 3 },
  ),
  /** Endpoints of this host that come, by the digit of their MAC. */
  own: fc.uniqueArray(digit, { maxLength: 1 }),
  isWhole: fc.boolean(),
  isRefused: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
});

test('whatever changes, the kernel has what all endpoints need, and is not looked at as long as it takes all', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
      const door = new Door();
      const network = networkBehind(door);
      const remotes = new Map<string, RemoteEndpoint>();
      let expectedLooks = 1;
      await network.setForwarding(remotes);
      for (const { change, own, isWhole, isRefused } of steps) {
        for (const n of own) await network.attach(NETWORK, [{ id: `00000000000${n}`, mac: macOf(n) }]);
        for (const [id, now] of Object.entries(change)) {
          if (now) remotes.set(id, now);
          else remotes.delete(id);
        }
        door.refusing = isRefused;
        const given = network.setForwarding(remotes, isWhole ? undefined : new Set(Object.keys(change)));
        const isTaken = await given.then(
          () => true,
          () => false,
        );
        door.refusing = false;
        if (!isTaken) {
          expectedLooks += 1;
          await network.setForwarding(remotes, new Set());
        }
        const wanted = new DesiredForwarding(OWN_VTEP, true);
        wanted.change(remotes, remotes.keys());
        const { neighbours, flood, remotes: entries } = wanted.state;
        expect(door.kernel.forwarding()).toMatchObject({ neighbours, flood });
        expect(new Set(door.kernel.forwarding().remotes.keys())).toEqual(new Set(entries.keys()));
      }
      expect(door.looks).toBe(expectedLooks);
    }),
    { numRuns: 200 },
  );
});

test("a MAC that no other host has any more is this host's again", async () => {
  const door = new Door();
  const network = networkBehind(door);
  const remotes = new Map([['e1', { mac: macOf(1), addresses: [], vtep: '192.0.2.2', since: 1 }]]);
  await network.attach(NETWORK, [{ id: '000000000001', mac: macOf(1) }]);
  await network.setForwarding(remotes);
  expect(door.kernel.forwarding().ports.size).toBe(0);
  remotes.clear();
  await network.setForwarding(remotes, new Set(['e1']));
  expect([...door.kernel.forwarding().ports]).toEqual([[macOf(1), 'xc000000000001']]);
});

/** One of many, with a MAC and an address of its own. */
function remoteOf(n: number, vtep = '192.0.2.2'): RemoteEndpoint {
  const [high, low] = [n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, '0'));
  return { mac: `02:00:00:00:${high}:${low}`, addresses: [`10.1.${n >> 8}.${n & 255}`], vtep, since: n };
}

function remotesUpTo(count: number): Map<string, RemoteEndpoint> {
  return new Map(Array.from({ length: count }, (_, n) => [`e${n}`, remoteOf(n)]));
}

test.each([10, 1_000])('one endpoint more among %i costs its own three lines', async (count) => {
  const door = new Door();
  const network = networkBehind(door);
  const remotes = remotesUpTo(count);
  let { left } = await network.setForwarding(remotes);
  while (left > 0) ({ left } = await network.setForwarding(remotes, new Set()));
  door.lines = [];
  remotes.set('new', remoteOf(count, '192.0.2.3'));
  expect(await network.setForwarding(remotes, new Set(['new']))).toEqual({ added: 3, removed: 0, left: 0 });
  expect(door.lines).toHaveLength(3);
});

test('a large network is filled in steps, between which endpoints change, and is looked at once', async () => {
  const door = new Door();
  const network = networkBehind(door);
  const remotes = remotesUpTo(3_000);
  const next = randomFrom(3);
  let changed: Set<string> | undefined;
  for (let [left, step] = [1, 0]; left > 0; step++) {
    ({ left } = await network.setForwarding(remotes, changed));
    changed = new Set();
    for (let i = 0; i < 20 && step < 6; i++) {
      const n = Math.floor(next() * 3_100);
      if (next() < 0.3) remotes.delete(`e${n}`);
      else remotes.set(`e${n}`, remoteOf(n, `192.0.2.${3 + (n % 5)}`));
      changed.add(`e${n}`);
    }
    expect(door.lines.splice(0).length).toBeLessThanOrEqual(1_000);
  }
  const wanted = new DesiredForwarding(OWN_VTEP, true);
  wanted.change(remotes, remotes.keys());
  const { neighbours, flood, remotes: entries } = wanted.state;
  expect(door.kernel.forwarding()).toMatchObject({ neighbours, flood, remotes: entries });
  expect(door.looks).toBe(1);
});

test('what the kernel refuses of a large network holds up nothing else of it', async () => {
  const door = new Door();
  const network = networkBehind(door);
  door.refused = /^neigh replace f[de]/;
  const remotes = new Map(
    [...remotesUpTo(3_000)].map(([id, each], n) => [
      id,
      { ...each, addresses: [...each.addresses, `fd00::${n.toString(16)}`] },
    ]),
  );
  await expect(network.setForwarding(remotes)).rejects.toThrow('not these');
  const { neighbours, flood, remotes: entries } = door.kernel.forwarding();
  expect([neighbours.size, flood.size, entries.size]).toEqual([3_000, 1, 3_000]);
});
