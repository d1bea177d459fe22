import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Change, linesOf, repairsOf } from '../../../src/dataplane/changes.js';
import type { LocalEndpoint, NetworkSpec } from '../../../src/dataplane/dataplane.js';
import { diffDevices, diffPorts } from '../../../src/dataplane/overlay/diff-devices.js';
import type { Link } from '../../../src/dataplane/overlay/links.js';
import { VETH } from '../../../src/dataplane/overlay/veth.js';
import { VXLAN_LAYOUT } from '../../../src/dataplane/overlay/vxlan-layout.js';
import { KernelModel } from '../../support/kernel/kernel-model.js';

const NETWORK: NetworkSpec = { id: '0123456789ab', vni: 77, mtu: 1450, multicast: true };
const TUNNEL = { vtep: '192.0.2.1', port: 4789 };
const PLAIN = { learning: false, flood: false, isolated: false, hairpin: false, guard: false };

const BRIDGE: Link = {
  ifname: 'br0',
  flags: ['UP', 'LOWER_UP'],
  mtu: 1450,
  group: '1',
  address: '0a:01:23:45:67:89',
  inet6_addr_gen_mode: 'none',
  linkinfo: { info_kind: 'bridge', info_data: { mcast_snooping: 0, stp_state: 0 } },
};
const VXLAN: Link = {
  ifname: 'vxlan0',
  flags: ['UP'],
  mtu: 1450,
  group: '1',
  master: 'br0',
  inet6_addr_gen_mode: 'none',
  linkinfo: {
    info_kind: 'vxlan',
    info_data: { id: 77, port: 4789, learning: false, local: '192.0.2.1' },
    info_slave_data: { ...PLAIN, neigh_suppress: true, mcast_flood: true },
  },
};

const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 6 });
const nameOf = (n: number) => `xc00000000000${n}`;
const macOf = (n: number) => `02:00:00:00:00:0${n}`;
const endpointOf = (n: number): LocalEndpoint => ({
  id: nameOf(n).slice(2),
  mac: macOf(n),
  interfaceAddresses: [`10.0.0.${n}/24`],
});
const rightPort = (n: number): Link => ({
  ifname: nameOf(n),
  flags: ['UP'],
  mtu: 1450,
  group: '2',
  master: 'br0',
  inet6_addr_gen_mode: 'none',
  linkinfo: { info_kind: 'veth', info_slave_data: PLAIN },
});

const changed = (link: Link, part: 'info_data' | 'info_slave_data', values: object) => ({
  linkinfo: { ...link.linkinfo, [part]: { ...link.linkinfo?.[part], ...values } },
});
/** What may be wrong with a device, all at once. */
const altered = (link: Link, ...linkinfo: Partial<Link>[]) =>
  fc
    .record(
      {
        flags: fc.constant<string[]>([]),
        mtu: fc.constant(1300),
        group: fc.constant('default'),
        inet6_addr_gen_mode: fc.constant('eui64'),
        master: fc.constant(undefined),
        linkinfo: fc.constantFrom(...linkinfo.map((each) => each.linkinfo)),
      },
      { requiredKeys: [] },
    )
    .map((change) => ({ ...link, ...change }) as Link);
const slaveAltered = (link: Link) =>
  ['learning', 'flood', 'isolated'].map((flag) => changed(link, 'info_slave_data', { [flag]: true }));

const alteredBridge = altered(
  BRIDGE,
  changed(BRIDGE, 'info_data', { mcast_snooping: 1 }),
  changed(BRIDGE, 'info_data', { stp_state: 1 }),
).chain((link) => fc.constantFrom(link, { ...link, address: '02:00:00:00:00:99' }));
const alteredVxlan = altered(
  VXLAN,
  ...slaveAltered(VXLAN),
  changed(VXLAN, 'info_slave_data', { neigh_suppress: false, mcast_flood: false }),
  ...[{ id: 78 }, { port: 8472 }, { learning: true }, { local: '192.0.2.9' }].map((data) =>
    changed(VXLAN, 'info_data', data),
  ),
  changed(VXLAN, 'info_data', { local: undefined, local6: '2001:db8::1' }),
);
const devices = fc.tuple(fc.option(alteredBridge), fc.option(alteredVxlan)).map(([bridge, vxlan]): Link[] => [
  ...(bridge ? [bridge] : []),
  // A port of what is not there is none.
  ...(vxlan ? [{ ...vxlan, master: bridge ? vxlan.master : undefined }] : []),
]);
const spec = fc.record({ mtu: fc.constantFrom(1400, 1450), multicast: fc.boolean() });
const tunnel = fc.constantFrom(TUNNEL, { ...TUNNEL, vtep: '192.0.2.9' }, { ...TUNNEL, vtep: '2001:db8::9' });

function diff(links: readonly Link[] | undefined, network = NETWORK, over = TUNNEL): Change[] {
  return diffDevices(links, `xnet-${network.id}`, VXLAN_LAYOUT.devices(network, over));
}

function apply(kernel: KernelModel, changes: readonly Change[]): void {
  for (const step of ['clear', 'host', 'ip'] as const) kernel.run(linesOf(changes, step));
}

describe('a tunnel of another address', () => {
  test('is changed in place', () => {
    expect(diff([BRIDGE, VXLAN], NETWORK, { ...TUNNEL, vtep: '192.0.2.9' })).toEqual([
      {
        ...{ kind: 'vxlan', object: 'vxlan0', was: 'altered' },
        ip: ['link set vxlan0 type vxlan local 192.0.2.9'],
      },
    ]);
  });

  test('is made anew when the family is another, which the kernel refuses to change', () => {
    const changes = diff([BRIDGE, VXLAN], NETWORK, { ...TUNNEL, vtep: '2001:db8::9' });
    expect(linesOf(changes, 'clear')).toEqual(['link del vxlan0']);
    expect(linesOf(changes, 'host')).toHaveLength(1);
  });
});

describe('the diff of devices', () => {
  test('of what is right is empty', () => {
    expect(diff([BRIDGE, VXLAN])).toEqual([]);
  });

  test('is empty when it was applied, whatever there was', () => {
    fc.assert(
      fc.property(devices, spec, tunnel, (links, wanted, over) => {
        const network = { ...NETWORK, ...wanted };
        const kernel = new KernelModel([...links, rightPort(1)]);
        apply(kernel, diff(kernel.links(), network, over));
        expect(diff(kernel.links(), network, over)).toEqual([]);
        expect(kernel.links()).toContainEqual(expect.objectContaining({ ifname: nameOf(1) }));
      }),
    );
  });

  test('of no namespace is that one change, which makes all', () => {
    fc.assert(
      fc.property(spec, tunnel, (wanted, over) => {
        const network = { ...NETWORK, ...wanted };
        const kernel = new KernelModel();
        const changes = diff(undefined, network, over);
        expect(repairsOf(changes)).toEqual([
          { kind: 'namespace', object: 'xnet-0123456789ab', was: 'missing' },
        ]);
        apply(kernel, changes);
        expect(diff(kernel.links(), network, over)).toEqual([]);
      }),
    );
  });

  test('names a device that is not there as missing, and what hangs on it as no more', () => {
    const alone = { ...VXLAN, master: undefined };
    const changes = diff([alone]);
    expect(repairsOf(changes)).toEqual([{ kind: 'bridge', object: 'br0', was: 'missing' }]);
    expect(linesOf(changes, 'ip').join()).toContain('link set vxlan0');
  });

  test.each([
    ['VNI', changed(VXLAN, 'info_data', { id: 78 })],
    ['UDP port', changed(VXLAN, 'info_data', { port: 8472 })],
    ['MTU', { mtu: 1400 }],
    ['bridge', { master: undefined }],
    ['group', { group: 'default' }],
    ['state', { flags: [] }],
  ])('finds another %s of vxlan0', (_, change) => {
    const changes = diff([BRIDGE, { ...VXLAN, ...change }]);
    expect(repairsOf(changes)).toEqual([{ kind: 'vxlan', object: 'vxlan0', was: 'altered' }]);
  });
});

const alteredPort = (n: number) => altered(rightPort(n), ...slaveAltered(rightPort(n)));

describe('the diff of ports', () => {
  const find = (links: readonly Link[], endpoints: readonly number[], attached = new Map<string, string>()) =>
    diffPorts(links, VETH.settings(NETWORK), endpoints.map(endpointOf), attached);

  test('makes any altered ports right, and is empty for right ones', () => {
    const ports = numbers.chain((wanted) =>
      fc.tuple(fc.constant(wanted), fc.tuple(...wanted.map(alteredPort))),
    );
    fc.assert(
      fc.property(ports, ([wanted, links]) => {
        const kernel = new KernelModel([BRIDGE, VXLAN, ...links]);
        const { altered } = find(kernel.links(), wanted);
        kernel.run(linesOf(altered, 'ip'));
        expect(find(kernel.links(), wanted)).toMatchObject({ altered: [], missing: [], strangers: [] });
        expect(find(wanted.map(rightPort), wanted).altered).toEqual([]);
        expect(linesOf(altered, 'ip').length > 0).toBe(altered.length > 0);
      }),
    );
  });

  test('finds the endpoints without a port, and the ports without an endpoint', () => {
    fc.assert(
      fc.property(numbers, numbers, numbers, (wanted, there, coming) => {
        const attached = new Map(coming.map((n) => [macOf(n), nameOf(n)]));
        const { altered, missing, strangers, ports } = find(
          [BRIDGE, VXLAN, ...there.map(rightPort)],
          wanted,
          attached,
        );
        const known = there.filter((n) => wanted.includes(n) || coming.includes(n));
        expect(altered).toEqual([]);
        expect(missing.map(({ mac }) => mac)).toEqual(wanted.filter((n) => !there.includes(n)).map(macOf));
        expect(strangers).toEqual(there.filter((n) => !known.includes(n)).map((n) => nameOf(n).slice(2)));
        expect(ports).toEqual(new Map(known.map((n) => [macOf(n), nameOf(n)])));
      }),
    );
  });

  test('is empty when what was missing was attached again', () => {
    fc.assert(
      fc.property(numbers, numbers, (wanted, there) => {
        const kernel = new KernelModel([BRIDGE, VXLAN, ...there.map(rightPort)]);
        const changes = find(kernel.links(), wanted).missing.map((endpoint) =>
          VETH.add(NETWORK, endpoint, 'c1'),
        );
        kernel.run([...linesOf(changes, 'ip'), ...linesOf(changes, 'bridge')]);
        expect(find(kernel.links(), wanted)).toMatchObject({ altered: [], missing: [] });
        for (const { object } of changes) expect([...kernel.forwarding().ports.values()]).toContain(object);
      }),
    );
  });
});
