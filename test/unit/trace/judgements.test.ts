/** Each hop of a trace is judged by what the two hosts have found: a healthy way first, and then with one thing wrong. */
import { describe, expect, test } from '@jest/globals';
import type { HostFacts, Part } from '../../../src/trace/facts.js';
import { pathOf } from '../../../src/trace/paths.js';
import { planLook, SOMEWHERE } from '../../../src/trace/plan.js';
import { judgeHops, type Row, type Side, type Trace } from '../../../src/trace/trace.js';

const NETWORK = {
  id: 'c0ffee',
  mode: 'overlay' as const,
  name: 'shop',
  vni: 7,
  subnets: ['10.1.0.0/24'],
  isInternal: false,
};

type Found<K extends keyof HostFacts> = Extract<NonNullable<HostFacts[K]>, { found: unknown }>['found'];
type AllFound = {
  readonly [K in keyof Omit<HostFacts, 'lan' | 'routed' | 'encryption' | 'policy'>]-?: Found<K>;
} & {
  readonly lan?: Found<'lan'>;
  readonly routed?: Found<'routed'>;
  readonly policy?: Found<'policy'>;
};

/** What the host of `own` finds of a healthy way to `other`. */
function healthy(own: number, other: number): AllFound {
  const eth0 = { name: 'eth0', mac: mac(own), mtu: 1450, isUp: true, addresses: [`10.1.0.${own}/24`] };
  const eth1 = { name: 'eth1', mac: '02:99', mtu: 1500, isUp: true, addresses: ['172.18.0.2/16'] };
  const underlay = { ...eth0, mac: '02:aa', mtu: 1500, addresses: [`192.0.2.${own}/24`] };
  return {
    xnet: { restart: 'systemctl restart xnet' },
    container: { state: 'running', sandboxPath: '/run/docker/netns/x', networks: ['shop'] },
    name: { addresses: [`10.1.0.${other}`] },
    sandbox: {
      interfaces: [eth0, eth1],
      routes: [
        { destination: 'default', device: 'eth1' },
        { destination: '10.1.0.0/24', device: 'eth0' },
      ],
      way: { device: 'eth0', mtu: 1450 },
      drops: [],
      listeners: [{ protocol: 'tcp', address: '0.0.0.0', port: 80 }],
    },
    network: {
      ...{ namespace: 'xnet-c0ffee', portName: 'xcport', ownEntry: 'xcport', isBridged: true },
      bridge: { name: 'br0', isUp: true, mtu: 1450 },
      tunnel: {
        name: 'vxlan0',
        isUp: true,
        mtu: 1450,
        master: 'br0',
        vni: 7,
        vtep: `192.0.2.${own}`,
        port: 4789,
      },
      port: { name: 'xcport', isUp: true, mtu: 1450, master: 'br0' },
      vteps: [`192.0.2.${other}`],
      neighbours: { [`10.1.0.${other}`]: mac(other) },
    },
    underlay: {
      way: { device: 'eth0', mtu: 1500 },
      interface: underlay,
      filter: { takesPeer: true, knowsVni: true },
      drops: [],
      reversePath: 0,
    },
    gateway: {
      interfaces: [underlay, { ...eth0, name: 'docker_gwbridge', addresses: ['172.18.0.1/16'] }],
      forwards: true,
      masquerade: '-A POSTROUTING -s 172.18.0.0/16 -j MASQUERADE',
      way: { device: 'eth0', gateway: '192.0.2.254' },
    },
  };
}

function mac(number: number): string {
  return `02:42:0a:01:00:0${number}`;
}

function side(own: number, other: number, found: Partial<AllFound>): Side {
  const all: AllFound = { ...healthy(own, other), ...found };
  const parts = Object.entries(all).map(([kind, value]): [string, Part<unknown>] => [kind, { found: value }]);
  const container = own === 1 ? 'web' : 'db';
  return {
    label: container,
    host: { id: `id${own}`, name: `h${own}`, state: 'alive', vtep: `192.0.2.${own}` },
    container: { id: `c${own}`, name: container },
    endpoint: { id: `e${own}`, addresses: [`10.1.0.${own}`], mac: mac(own) },
    networks: ['shop'],
    facts: Object.fromEntries(parts) as HostFacts,
  };
}

function traceOf(from: Partial<AllFound>, to: Partial<AllFound>, more: Partial<Trace> = {}): Trace {
  return {
    ...{ from: side(1, 2, from), to: side(2, 1, to), network: NETWORK },
    ...{ source: '10.1.0.1', destination: '10.1.0.2', protocol: 'tcp', port: 80, name: 'db' },
    ...more,
  };
}

function rowsOf(trace: Trace): Row[] {
  return judgeHops(pathOf(trace).hops, trace);
}

/** `HOST HOP: what was found -> remedy` of what is a fault, or unknown. */
function found(trace: Trace): string[] {
  return rowsOf(trace)
    .filter(({ verdict }) => verdict === 'fault' || verdict === 'unknown')
    .map(({ host, hop, found, remedy = '' }) => `${host} ${hop}: ${found} -> ${remedy}`);
}

const [ONE, TWO] = [healthy(1, 2), healthy(2, 1)];
const ENTER = 'nsenter --net=/run/docker/netns/x';

function changed<K extends keyof AllFound>(
  kind: K,
  of: AllFound,
  more: Partial<AllFound[K]>,
): Partial<AllFound> {
  return { [kind]: { ...of[kind], ...more } } as Partial<AllFound>;
}

function withEth0(of: AllFound, more: Partial<AllFound['sandbox']['interfaces'][number]>): Partial<AllFound> {
  const [eth0, ...others] = of.sandbox.interfaces;
  const interfaces = [{ ...(eth0 as AllFound['sandbox']['interfaces'][number]), ...more }, ...others];
  return changed('sandbox', of, { interfaces });
}

describe('of a way between two hosts', () => {
  test('nothing is wrong where all is as it shall be, and nothing is left out', () => {
    const rows = rowsOf(traceOf({}, {}));
    expect(rows.map(({ verdict }) => verdict)).toEqual(rows.map(() => 'ok'));
    const hops = (host: string) => rows.filter((row) => row.host === host).map(({ hop }) => hop);
    expect(hops('h1').join(', ')).toBe(
      'xnet, container, name, network, interface, route, own firewall, port, bridge, neighbour, FDB, tunnel, VTEP, underlay, host firewall, reverse path, tunnel filter',
    );
    expect(hops('h2').join(', ')).toBe(
      'xnet, underlay, reverse path, host firewall, VTEP, tunnel filter, tunnel, FDB, neighbour, bridge, port, container, interface, route, own firewall, listener',
    );
  });

  const port = { protocol: 'tcp' as const, address: '127.0.0.1', port: 80 };
  const cases: [string, Partial<AllFound>, Partial<AllFound>, string[]][] = [
    [
      'paused',
      {},
      changed('container', TWO, { state: 'paused' }),
      ['h2 container: paused -> docker unpause db'],
    ],
    [
      'stopped',
      changed('container', ONE, { state: 'exited' }),
      {},
      ['h1 container: exited -> docker start web'],
    ],
    [
      'no such name',
      { name: { addresses: [], failure: 'no such name' } },
      {},
      ["h1 name: the container's resolver: no such name -> systemctl restart xnet"],
    ],
    [
      'no such name, asked by a managed plugin',
      { xnet: { restart: 'docker plugin enable x' }, name: { addresses: [] } },
      {},
      ['h1 name: no such name -> docker plugin enable x'],
    ],
    [
      'interface down',
      {},
      withEth0(TWO, { isUp: false }),
      [`h2 interface: eth0, down, 10.1.0.2/24, MTU 1450 -> ${ENTER} ip link set eth0 up`],
    ],
    [
      'wrong prefix',
      withEth0(ONE, { addresses: ['10.1.0.1/32'] }),
      {},
      [
        `h1 interface: eth0, up, 10.1.0.1/32, MTU 1450 -> ${ENTER} ip addr del 10.1.0.1/32 dev eth0; ${ENTER} ip addr add 10.1.0.1/24 dev eth0`,
      ],
    ],
    [
      'wrong MAC',
      withEth0(ONE, { mac: '02:bb' }),
      {},
      [
        `h1 interface: eth0, up, 10.1.0.1/24, MTU 1450, MAC 02:bb instead of ${mac(1)} -> ${ENTER} ip link set eth0 address ${mac(1)}`,
        "h1 route: by eth0; the network's interface is missing -> ",
      ],
    ],
    [
      'route elsewhere',
      changed('sandbox', ONE, { way: { device: 'eth1', gateway: '172.18.0.1' } }),
      {},
      [
        `h1 route: by eth1 and the gateway 172.18.0.1 -> ${ENTER} ip route replace 10.1.0.2 dev eth0 src 10.1.0.1`,
      ],
    ],
    [
      'own firewall',
      {},
      changed('sandbox', TWO, { drops: [{ rule: 'rule 1', isCertain: true, remedy: 'nft delete 1' }] }),
      [`h2 own firewall: rule 1 -> ${ENTER} nft delete 1`],
    ],
    [
      'a rule that may drop',
      {},
      changed('sandbox', TWO, { drops: [{ rule: 'rule 1', isCertain: false, remedy: '' }] }),
      ['h2 own firewall: rule 1 may: it compares what xnet does not read; the probe shows it -> '],
    ],
    [
      'nothing listens',
      {},
      changed('sandbox', TWO, { listeners: [{ ...port, address: '::', port: 8080 }] }),
      ['h2 listener: nothing listens there -> ask for a port that is there: 8080'],
    ],
    [
      'only on loopback',
      {},
      changed('sandbox', TWO, { listeners: [port] }),
      [
        'h2 listener: only at 127.0.0.1, which other containers do not reach -> have the program in db listen at 0.0.0.0 or 10.1.0.2',
      ],
    ],
    [
      'port down',
      changed('network', ONE, { port: { name: 'xcport', isUp: false, mtu: 1450, master: 'br0' } }),
      {},
      ['h1 port: xcport is down -> ip -n xnet-c0ffee link set xcport up'],
    ],
    [
      'port off the bridge',
      {},
      changed('network', TWO, { port: { name: 'xcport', isUp: true, mtu: 1450 } }),
      ['h2 port: xcport is not a port of br0 -> ip -n xnet-c0ffee link set xcport master br0'],
    ],
    [
      'wrong FDB entry',
      changed('network', ONE, { vteps: ['192.0.2.9'] }),
      {},
      [
        `h1 FDB: behind 192.0.2.9 -> bridge -n xnet-c0ffee fdb replace ${mac(2)} dev vxlan0 dst 192.0.2.2 self master static`,
      ],
    ],
    [
      'no FDB entry for answers',
      {},
      changed('network', TWO, { vteps: [] }),
      [
        `h2 FDB: no FDB entry -> bridge -n xnet-c0ffee fdb replace ${mac(1)} dev vxlan0 dst 192.0.2.1 self master static`,
      ],
    ],
    [
      'missing neighbour',
      changed('network', ONE, { neighbours: {} }),
      {},
      [
        `h1 neighbour: no neighbour entry -> ip -n xnet-c0ffee neigh replace 10.1.0.2 lladdr ${mac(2)} dev br0 nud permanent`,
      ],
    ],
    [
      'renumbered host',
      changed('network', ONE, {
        tunnel: { ...TWO.network.tunnel, name: 'vxlan0', isUp: true, mtu: 1450, vtep: '192.0.2.8' },
      }),
      {},
      [
        'h1 tunnel: up, on br0, VNI 7, from 192.0.2.8, UDP 4789 -> ip -n xnet-c0ffee link set vxlan0 type vxlan local 192.0.2.1',
      ],
    ],
    [
      'small underlay',
      {},
      changed('underlay', TWO, {
        way: { device: 'eth0', mtu: 1400 },
        interface: { ...TWO.underlay.interface, mtu: 1400 } as never,
      }),
      ['h2 underlay: by eth0, MTU 1400 -> ip link set eth0 mtu 1500'],
    ],
    [
      'small path, of which the kernel has learned',
      {},
      changed('underlay', TWO, { way: { device: 'eth0', mtu: 1400 } }),
      [
        'h2 underlay: by eth0, MTU 1400, of 1500 that eth0 has -> give all of the underlay between 192.0.2.2 and 192.0.2.1 an MTU of 1500, then: ip route flush cache',
      ],
    ],
    [
      'no route',
      changed('underlay', ONE, { way: { refusal: 'Network is unreachable' } }),
      {},
      ['h1 underlay: Network is unreachable -> ip route add 192.0.2.2 dev eth0'],
    ],
    [
      'no route to a host behind a router',
      changed('underlay', ONE, {
        way: { refusal: 'Network is unreachable' },
        interface: { ...ONE.underlay.interface, addresses: ['192.0.2.1/31'] } as never,
      }),
      {},
      ['h1 underlay: Network is unreachable -> ip route add 192.0.2.2 via ROUTER'],
    ],
    [
      'host firewall',
      {},
      changed('underlay', TWO, {
        drops: [{ rule: 'INPUT 4789', isCertain: true, remedy: 'iptables -D INPUT' }],
      }),
      ['h2 host firewall: INPUT 4789 -> iptables -D INPUT'],
    ],
    [
      'tunnel filter',
      {},
      changed('underlay', TWO, { filter: { takesPeer: false, knowsVni: true } }),
      ["h2 tunnel filter: it drops them -> nft add element inet xnet vteps4 '{ 192.0.2.1 }'"],
    ],
    [
      'strict reverse path at a VLAN',
      changed('underlay', ONE, {
        ...{ reversePath: 1, way: { device: 'eth5', mtu: 1500 } },
        interface: { ...ONE.underlay.interface, name: 'eth0.100' } as never,
      }),
      {},
      [
        'h1 reverse path: strict, and 192.0.2.2 is reached by eth5, while the VTEP is on eth0.100 -> sysctl -w net.ipv4.conf.eth0/100.rp_filter=2',
      ],
    ],
    [
      'strict reverse path',
      changed('underlay', ONE, { reversePath: 1, way: { device: 'eth5', mtu: 1500 } }),
      {},
      [
        'h1 reverse path: strict, and 192.0.2.2 is reached by eth5, while the VTEP is on eth0 -> sysctl -w net.ipv4.conf.eth0.rp_filter=2',
      ],
    ],
  ];
  test.each(cases)('%s', (_, from, to, expected) => {
    expect(found(traceOf(from, to))).toEqual(expected);
  });

  test('a host that says nothing has its reason in each of its rows', () => {
    const trace = traceOf({}, {});
    const to: Side = {
      ...trace.to,
      facts: { refusal: 'cut off' },
      host: { ...trace.to.host, state: 'silent' },
    };
    const rows = rowsOf({ ...trace, to }).filter(({ host }) => host === 'h2');
    expect(rows).toHaveLength(16);
    expect(rows[0]).toMatchObject({
      hop: 'xnet',
      verdict: 'fault',
      remedy: expect.stringMatching(/^systemctl start xnet {3}# /),
    });
    for (const { verdict, found } of rows.slice(1)) expect([verdict, found]).toEqual(['unknown', 'cut off']);
  });
});

test('a fault of an interface is named once: the route that it takes with it does not apply', () => {
  const down = withEth0(ONE, { isUp: false, addresses: [] });
  const sandbox = { ...(down.sandbox ?? ONE.sandbox), way: { refusal: 'unreachable' } };
  const rows = rowsOf(traceOf({ sandbox }, {})).filter(({ host, hop }) => host === 'h1' && hop === 'route');
  expect(rows).toEqual([expect.objectContaining({ verdict: 'does not apply' })]);
});

test('on one host the way to another does not apply', () => {
  const trace = traceOf({}, {});
  const rows = rowsOf({ ...trace, to: { ...trace.to, host: trace.from.host } });
  expect(rows.filter(({ verdict }) => verdict !== 'ok')).toEqual([
    expect.objectContaining({ hop: 'FDB to underlay', verdict: 'does not apply' }),
  ]);
  expect(rows.map(({ hop }) => hop)).not.toContain('underlay');
});

test('two in no common network: which of them is to be connected, and to what', () => {
  const { network: _, endpoint: _own, ...apart } = { ...traceOf({}, {}), endpoint: undefined };
  const lone: Side = {
    ...apart.to,
    networks: [],
    facts: { container: { found: { state: 'running', networks: ['bridge'] } } },
  };
  expect(found({ ...apart, to: lone })).toEqual([
    'h2 network: db is in bridge; web is in shop -> docker network connect shop db',
  ]);
  expect(found({ ...apart, from: lone, to: apart.from })).toEqual([
    'h2 network: db is in bridge; web is in shop -> docker network connect shop db',
  ]);
});

describe('of a way outside', () => {
  const outside: Side = {
    label: 'outside',
    host: { name: 'outside', state: 'unknown' },
    networks: [],
    facts: { refusal: '' },
  };
  const way = { device: 'eth1', gateway: '172.18.0.1' };
  const right = changed('sandbox', ONE, { way });
  const ofOutside = (from: Partial<AllFound>) =>
    found(traceOf(from, {}, { to: outside, destination: SOMEWHERE }));

  test('nothing is wrong where all is as Docker makes it', () => expect(ofOutside(right)).toEqual([]));

  const cases: [string, Partial<AllFound>, string[]][] = [
    [
      'wrong default route',
      changed('sandbox', ONE, { way: { device: 'eth0', gateway: '10.1.0.2' } }),
      [`h1 route: by eth0 and 10.1.0.2 -> ${ENTER} ip route replace default via 172.18.0.1`],
    ],
    [
      'not forwarded',
      { ...right, ...changed('gateway', ONE, { forwards: false }) },
      ['h1 forwarding: net.ipv4.ip_forward is 0 -> sysctl -w net.ipv4.ip_forward=1'],
    ],
    [
      'not masqueraded',
      { ...right, ...changed('gateway', ONE, { masquerade: undefined }) },
      [
        'h1 masquerade: no rule masquerades them -> iptables -t nat -A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE',
      ],
    ],
    [
      'no route of the host',
      { ...right, ...changed('gateway', ONE, { way: { refusal: 'unreachable' } }) },
      ['h1 host route: unreachable -> give this host a default route: ip route add default via ROUTER'],
    ],
  ];
  test.each(cases)('%s', (_, from, expected) => expect(ofOutside(from)).toEqual(expected));
});

test('a name that another host has written becomes no command', () => {
  const trace = traceOf(changed('container', ONE, { state: 'exited' }), {});
  const from = { ...trace.from, container: { id: 'c1', name: 'web;reboot' } };
  expect(found({ ...trace, from })).toEqual(["h1 container: exited -> docker start 'web;reboot'"]);
});

test('a policy that denies is a fault of its own hop, in a network with policies alone', () => {
  const remedy = 'xnet policy show db';
  const denied = { verdict: 'denied' as const, why: 'no rule of policy db allows it', remedy };
  const one = traceOf({}, {});
  const sameHost = { ...one, to: { ...one.to, host: one.from.host } };
  for (const trace of [one, sameHost]) {
    expect(found({ ...trace, policy: denied })).toEqual([
      'h1 policy: no rule of policy db allows it -> xnet policy show db',
    ]);
    expect(rowsOf(trace).map(({ hop }) => hop)).not.toContain('policy');
  }
  const hops = rowsOf({ ...one, policy: denied }).map(({ hop }) => hop);
  expect(hops.slice(hops.indexOf('bridge'), hops.indexOf('neighbour'))).toEqual(['bridge', 'policy']);
  const allowed = { verdict: 'allowed' as const, why: 'policy db, rule 1' };
  const row = rowsOf({ ...one, policy: allowed }).find(({ hop }) => hop === 'policy');
  expect(row).toMatchObject({ verdict: 'ok', expected: 'web may reach db', found: 'policy db, rule 1' });
});

test('policies that are not in force on a host are a fault of their hop, which names the host', () => {
  const policy = { verdict: 'allowed' as const, why: 'policy db, rule 1' };
  const late = { policy: { whyNot: 'they are not written yet' } };
  const inForce = { policy: {} };
  expect(found({ ...traceOf(inForce, inForce), policy })).toEqual([]);
  expect(found({ ...traceOf(inForce, late), policy })).toEqual([
    'h1 policy: policy db, rule 1; not in force on h2: they are not written yet -> xnet status   # on h2: its xnet tries again',
  ]);
  const trace = traceOf({}, {});
  expect(planLook(trace.from, trace).policy).toBeUndefined();
  const { policy: asked } = planLook(trace.to, { ...trace, policy });
  expect(asked).toEqual({ networkId: trace.network?.id });
});

test('each host is asked for its own end alone', () => {
  const trace = traceOf({}, {});
  const [from, to] = [planLook(trace.from, trace), planLook(trace.to, trace)];
  expect(from.network).toMatchObject({ endpointId: 'e1', other: { mac: mac(2) } });
  expect(to).toMatchObject({
    containerId: 'c2',
    underlay: { vtep: '192.0.2.2', peerVtep: '192.0.2.1', vni: 7 },
  });
  expect(from.name).toEqual({ text: 'db', type: 'A' });
  expect(to.name).toBeUndefined();
  expect(to.sandbox?.packets.map(({ direction, isAnswer }) => [direction, isAnswer])).toEqual([
    ['in', false],
    ['out', true],
  ]);
});
