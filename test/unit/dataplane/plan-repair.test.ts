import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LocalEndpoint, NetworkSpec } from '../../../src/dataplane/dataplane.js';
import { type ForwardingState, planForwarding } from '../../../src/dataplane/forwarding/plan-forwarding.js';
import type { Link } from '../../../src/dataplane/network/links.js';
import { planNetwork } from '../../../src/dataplane/network/plan-network.js';
import { findForwardingDrift } from '../../../src/dataplane/repair/forwarding-drift.js';
import { findDeviceDrift, planLocalFdb, planPorts } from '../../../src/dataplane/repair/plan-repair.js';

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
  addresses: [`10.0.0.${n}/24`],
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

/** What may be wrong with a port, all at once. */
const alteration = fc.record(
  {
    flags: fc.constant([]),
    mtu: fc.constant(1300),
    group: fc.constant('default'),
    master: fc.constant(undefined),
    linkinfo: fc.constantFrom('learning', 'flood', 'isolated').map((flag) => ({
      info_slave_data: { ...PLAIN, [flag]: true },
    })),
  },
  { requiredKeys: [] },
);

/** What the kernel makes of the lines for a port, in miniature. */
function applied(link: Link, lines: readonly string[]): Link {
  const own = lines.filter((line) => line.startsWith(`link set ${link.ifname} `)).join(' ');
  if (own === '') return link;
  const word = (name: string) => new RegExp(` ${name} (\\S+)`).exec(own)?.[1];
  const flags = Object.keys(PLAIN).map((flag) => [flag, word(flag) === 'on']);
  return {
    ...link,
    flags: / up$/.test(own) ? ['UP'] : link.flags,
    mtu: Number(word('mtu')),
    group: word('group'),
    master: word('master'),
    linkinfo: { info_slave_data: Object.fromEntries(flags) },
  };
}

describe('a tunnel of another address', () => {
  test('is changed in place', () => {
    const plan = planNetwork([BRIDGE, VXLAN], NETWORK, { ...TUNNEL, vtep: '192.0.2.9' });
    expect(plan).toEqual({
      ...{ before: [], host: [] },
      inside: ['link set vxlan0 type vxlan local 192.0.2.9'],
    });
  });

  test('is made anew when the family is another, which the kernel refuses to change', () => {
    const plan = planNetwork([BRIDGE, VXLAN], NETWORK, { ...TUNNEL, vtep: '2001:db8::9' });
    expect(plan.before).toEqual(['link del vxlan0']);
    expect(plan.host).toHaveLength(1);
  });
});

describe('findDeviceDrift', () => {
  test('finds nothing wrong with what is right', () => {
    expect(findDeviceDrift([BRIDGE, VXLAN], NETWORK, TUNNEL)).toEqual([]);
  });

  test('names a device that is not there as missing, and what hangs on it as no more', () => {
    const alone = { ...VXLAN, master: undefined };
    expect(findDeviceDrift([alone], NETWORK, TUNNEL)).toEqual([
      { kind: 'bridge', object: 'br0', was: 'missing' },
    ]);
    expect(findDeviceDrift(undefined, NETWORK, TUNNEL)).toEqual([
      { kind: 'namespace', object: 'xnet-0123456789ab', was: 'missing' },
    ]);
  });

  test.each([
    ['VNI', { linkinfo: { ...VXLAN.linkinfo, info_data: { ...VXLAN.linkinfo?.info_data, id: 78 } } }],
    [
      'UDP port',
      { linkinfo: { ...VXLAN.linkinfo, info_data: { ...VXLAN.linkinfo?.info_data, port: 8472 } } },
    ],
    ['MTU', { mtu: 1400 }],
    ['bridge', { master: undefined }],
    ['group', { group: 'default' }],
    ['state', { flags: [] }],
  ])('finds another %s of vxlan0', (_, change) => {
    const links = [BRIDGE, { ...VXLAN, ...change } as Link];
    expect(findDeviceDrift(links, NETWORK, TUNNEL)).toEqual([
      { kind: 'vxlan', object: 'vxlan0', was: 'altered' },
    ]);
  });
});

describe('planPorts', () => {
  test('makes any altered ports right, and is empty for right ones', () => {
    fc.assert(
      fc.property(numbers, fc.array(alteration, { minLength: 6, maxLength: 6 }), (wanted, changes) => {
        const links = wanted.map((n, i) => ({ ...rightPort(n), ...changes[i] }) as Link);
        const endpoints = wanted.map(endpointOf);
        const plan = planPorts(links, NETWORK, endpoints);
        const after = links.map((link) => applied(link, plan.lines));
        const again = planPorts(after, NETWORK, endpoints);
        expect(again).toEqual({ lines: [], repairs: [], missing: [], strangers: [] });
        expect(plan.repairs.length > 0).toBe(plan.lines.length > 0);
      }),
    );
  });

  test('tells which endpoints have no port, and which ports no endpoint', () => {
    fc.assert(
      fc.property(numbers, numbers, (wanted, there) => {
        const plan = planPorts([BRIDGE, VXLAN, ...there.map(rightPort)], NETWORK, wanted.map(endpointOf));
        expect(plan.lines).toEqual([]);
        expect(plan.missing.map(({ mac }) => mac)).toEqual(
          wanted.filter((n) => !there.includes(n)).map(macOf),
        );
        expect(plan.strangers).toEqual(there.filter((n) => !wanted.includes(n)).map(nameOf));
      }),
    );
  });
});

const localFdb = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })))
  .map((pairs) => new Map(pairs.map(([mac, port]) => [macOf(mac), nameOf(port)])));

test('planLocalFdb leads every MAC of this host to its port, and leaves those of other hosts and strangers alone', () => {
  fc.assert(
    fc.property(localFdb, numbers, numbers, (observed, here, elsewhere) => {
      const desired = new Map(here.map((n) => [macOf(n), nameOf(n)]));
      const remote = new Set(elsewhere.map(macOf));
      const ports = new Set(desired.values());
      const plan = planLocalFdb(observed, desired, remote, ports);
      const after = new Map(observed);
      for (const line of plan.lines) {
        const [, verb, mac = '', , port = ''] = line.split(' ');
        if (verb === 'replace') after.set(mac, port);
        else if (after.get(mac) === port) after.delete(mac);
      }
      for (const [mac, port] of desired) if (!remote.has(mac)) expect(after.get(mac)).toBe(port);
      for (const [mac, port] of observed) {
        if (remote.has(mac) || (!ports.has(port) && !desired.has(mac))) expect(after.get(mac)).toBe(port);
      }
      expect(planLocalFdb(after, desired, remote, ports)).toEqual({ lines: [], repairs: [] });
    }),
  );
});

const byte = fc.integer({ min: 1, max: 4 });
const vteps = fc.uniqueArray(
  byte.map((n) => `192.0.2.${n}`),
  { minLength: 1, maxLength: 2 },
);
const state: fc.Arbitrary<ForwardingState> = fc.record({
  tunnels: fc
    .array(fc.tuple(fc.oneof(byte.map(macOf), fc.constant('00:00:00:00:00:00')), vteps))
    .map((entries) => new Map(entries.map(([mac, to]) => [mac, new Set(to)]))),
  bridged: fc.array(byte.map(macOf)).map((macs) => new Set(macs)),
  neighbours: fc
    .array(
      fc.tuple(
        byte.map((n) => `10.0.0.${n}`),
        byte.map(macOf),
      ),
    )
    .map((entries) => new Map(entries)),
});
/** As `desiredForwarding` makes it: one VTEP for a MAC, which the bridge knows. */
const desired = state.map(({ tunnels, neighbours }): ForwardingState => {
  const single = [...tunnels].map(([mac, to]): [string, ReadonlySet<string>] =>
    mac.startsWith('00') ? [mac, to] : [mac, new Set([...to].slice(0, 1))],
  );
  const macs = single.map(([mac]) => mac).filter((mac) => !mac.startsWith('00'));
  return { tunnels: new Map(single), bridged: new Set(macs), neighbours };
});

test('findForwardingDrift finds something exactly where planForwarding has something to do', () => {
  fc.assert(
    fc.property(state, desired, (observed, wanted) => {
      const plan = planForwarding(observed, wanted, new Map());
      const drift = findForwardingDrift(observed, wanted, true);
      expect(drift.length > 0).toBe(plan.bridge.length + plan.ip.length > 0);
      expect(findForwardingDrift(wanted, wanted, true)).toEqual([]);
      expect(new Set(drift.map(({ kind, object }) => `${kind} ${object}`)).size).toBe(drift.length);
    }),
  );
});
