/** The hops of networks on a LAN: a healthy way first, and then with one thing wrong. */
import { describe, expect, test } from '@jest/globals';
import type { HostFacts } from '../../../src/trace/facts.js';
import { pathOf } from '../../../src/trace/paths.js';
import { planLook, SOMEWHERE } from '../../../src/trace/plan.js';
import { probeRows } from '../../../src/trace/probe-rows.js';
import { judgeHops, type Row, type Side, type Trace } from '../../../src/trace/trace.js';

const NETWORK = {
  ...{ id: 'c0ffee', mode: 'macvlan' as const, name: 'office', vni: 7, parent: 'eth1' },
  ...{ subnets: ['10.1.0.0/24'], isInternal: false },
};
const PARENT = { interface: 'eth1', mtu: 1500, isUp: true, hasCarrier: true };

const mac = (own: number) => `02:00:00:00:00:0${own}`;

function factsOf(own: number, other: number, more: HostFacts = {}): HostFacts {
  const eth0 = { name: 'eth0', mac: mac(own), mtu: 1500, isUp: true, addresses: [`10.1.0.${own}/24`] };
  return {
    xnet: { found: { restart: 'systemctl restart xnet' } },
    container: { found: { state: 'running', sandboxPath: '/run/docker/netns/x', networks: ['office'] } },
    sandbox: {
      found: {
        interfaces: [eth0],
        routes: [{ destination: '10.1.0.0/24', device: 'eth0' }],
        way: { device: 'eth0', mtu: 1500 },
        neighbour: { address: `10.1.0.${other}`, mac: mac(other) },
        ...{ drops: [], listeners: [] },
      },
    },
    lan: { found: { parent: PARENT } },
    ...more,
  };
}

function sideOf(own: number, facts: HostFacts, hostNumber = own): Side {
  return {
    label: `c${own}`,
    host: { id: `id${hostNumber}`, name: `h${hostNumber}`, state: 'alive', vtep: `192.0.2.${hostNumber}` },
    container: { id: `c${own}`, name: `c${own}` },
    endpoint: { id: `e${own}`, addresses: [`10.1.0.${own}`], mac: mac(own) },
    networks: ['office'],
    facts,
  };
}

function traceOf(more: Partial<Trace> = {}): Trace {
  return {
    ...{ from: sideOf(1, factsOf(1, 2)), to: sideOf(2, factsOf(2, 1)), network: NETWORK },
    ...{ source: '10.1.0.1', destination: '10.1.0.2', protocol: 'icmp', ...more },
  };
}

const rowsOf = (trace: Trace): Row[] => judgeHops(pathOf(trace).hops, trace);
const wrongIn = (trace: Trace) =>
  rowsOf(trace).filter(({ verdict }) => verdict === 'fault' || verdict === 'unknown');

describe('between two hosts', () => {
  test('all is well where both reach the LAN and it answers, and no place of the tunnel is passed', () => {
    const trace = traceOf();
    expect(wrongIn(trace)).toEqual([]);
    expect(rowsOf(trace).map(({ hop }) => hop)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/tunnel|FDB|bridge|port|VTEP/)]),
    );
    expect(pathOf(trace).points.map(({ at, place }) => `${at} ${place}`)).toEqual([
      ...['from interface', 'from lan', 'to lan', 'to interface'],
    ]);
    expect(planLook(trace.from, trace)).toMatchObject({ lan: { networkId: 'c0ffee' } });
    expect(planLook(trace.from, trace)).not.toMatchObject({ underlay: expect.anything() });
  });

  const sandbox = (neighbour: { address: string; mac?: string }) => {
    const facts = factsOf(1, 2).sandbox as { found: object };
    return { sandbox: { found: { ...facts.found, neighbour } } } as HostFacts;
  };

  test.each<[string, Partial<Trace>, Partial<Row>]>([
    [
      'the other host has no such interface',
      { to: sideOf(2, factsOf(2, 1, { lan: { found: {} } })) },
      { host: 'h2', hop: 'LAN interface', verdict: 'fault', found: 'this host has no interface eth1' },
    ],
    [
      'the interface is down',
      {
        from: sideOf(
          1,
          factsOf(1, 2, {
            lan: { found: { parent: { ...PARENT, interface: 'eth1.10', isUp: false, down: 'eth1' } } },
          }),
        ),
      },
      { host: 'h1', hop: 'LAN interface', verdict: 'fault', remedy: 'ip link set eth1 up' },
    ],
    [
      'it has no carrier',
      { from: sideOf(1, factsOf(1, 2, { lan: { found: { parent: { ...PARENT, hasCarrier: false } } } })) },
      { hop: 'LAN interface', verdict: 'fault', found: 'eth1 has no carrier' },
    ],
    [
      'another device answers',
      { from: sideOf(1, factsOf(1, 2, sandbox({ address: '10.1.0.2', mac: '02:66:66:66:66:66' }))) },
      { hop: 'LAN answer', verdict: 'fault', found: '02:66:66:66:66:66' },
    ],
    [
      'the other host has an older xnet',
      { to: sideOf(2, { ...factsOf(2, 1), lan: undefined }) },
      { host: 'h2', hop: 'LAN interface', verdict: 'unknown' },
    ],
  ])('%s', (_, more, row) => {
    expect(wrongIn(traceOf(more))).toEqual([expect.objectContaining(row)]);
  });

  test('what the container has not asked for lately is no fault', () => {
    const trace = traceOf({ from: sideOf(1, factsOf(1, 2, sandbox({ address: '10.1.0.2' }))) });
    expect(wrongIn(trace)).toEqual([]);
    expect(rowsOf(trace)).toContainEqual(
      expect.objectContaining({ host: 'h1', hop: 'LAN answer', verdict: 'does not apply' }),
    );
  });

  test('a network without a parent leads nowhere', () => {
    const { parent: _, ...inside } = NETWORK;
    expect(wrongIn(traceOf({ network: inside }))).toEqual([
      expect.objectContaining({ hop: 'segment', remedy: expect.stringContaining('-o parent=INTERFACE') }),
    ]);
  });
});

test('on one host frames pass from child to child, and the parent is not looked at by the probe', () => {
  const trace = traceOf({ to: sideOf(2, factsOf(2, 1), 1) });
  expect(wrongIn(trace)).toEqual([]);
  expect(pathOf(trace).points.map(({ place }) => place)).toEqual(['interface', 'interface']);
});

test('children of ipvlan are told apart by their addresses, not by the MAC that all have', () => {
  const shared = (own: number, other: number) => {
    const { sandbox, ...facts } = factsOf(own, other) as { sandbox: { found: { interfaces: object[] } } };
    const interfaces = sandbox.found.interfaces.map((each) => ({ ...each, mac: '02:aa:00:00:00:01' }));
    return { ...facts, sandbox: { found: { ...sandbox.found, interfaces } } } as HostFacts;
  };
  const network = { ...NETWORK, mode: 'ipvlan' as const };
  expect(wrongIn(traceOf({ network, from: sideOf(1, shared(1, 2)), to: sideOf(2, shared(2, 1)) }))).toEqual(
    [],
  );
});

describe('to the outside', () => {
  const exit = {
    ...{ id: 'c0ffee', name: 'office', endpointId: 'e1', parent: 'eth1', gateways: ['10.1.0.254'] },
    ...{ subnets: ['10.1.0.0/24'], isWithHost: false },
  };
  const outside: Side = {
    ...{ label: 'outside', host: { name: 'outside', state: 'unknown' }, networks: [] },
    facts: { refusal: 'it is outside of the cluster' },
  };
  const leaving = (gateway: string): Trace => {
    const facts = factsOf(1, 2) as { sandbox: { found: object } };
    const neighbour = { address: gateway, mac: '02:fe' };
    const found = { ...facts.sandbox.found, way: { device: 'eth0', gateway }, neighbour };
    const from = sideOf(1, { ...facts, sandbox: { found } } as HostFacts);
    return { from, to: outside, exit, destination: SOMEWHERE, protocol: 'icmp' };
  };

  test('a container leaves by the gateway of its LAN', () => {
    const rows = rowsOf(leaving('10.1.0.254'));
    expect(rows.map(({ hop, verdict }) => `${hop} ${verdict}`)).toEqual([
      ...['xnet ok', 'container ok', 'route ok', 'own firewall ok', 'LAN interface ok', 'LAN gateway ok'],
    ]);
  });

  test('or by its host, where Docker has made that its way', () => {
    expect(pathOf(leaving('172.18.0.1')).hops.map(({ name }) => name)).toContain('masquerade');
  });

  /** To a device at `destination`, on the LAN; the host has .9 there. */
  const toDevice = (destination: string, way: object, more: object = {}): Trace => {
    const facts = factsOf(1, 2) as { sandbox: { found: object } };
    const eth1 = { name: 'eth1', mac: mac(9), mtu: 1500, isUp: true, addresses: ['10.1.0.9/24'] };
    const gateway = { interfaces: [eth1], forwards: true, way: { device: 'eth1' } };
    const sandbox = { found: { ...facts.sandbox.found, way } };
    const from = sideOf(1, { ...facts, sandbox, gateway: { found: gateway } } as HostFacts);
    return { from, to: { ...outside, label: destination }, exit, destination, protocol: 'icmp', ...more };
  };
  const shown = (trace: Trace) =>
    wrongIn(trace).map(({ hop, found, remedy }) => `${hop}: ${found} -> ${remedy}`);

  test('a device on the LAN is reached directly', () => {
    const trace = toDevice('10.1.0.50', { device: 'eth0' });
    expect(shown(trace)).toEqual([]);
    expect(rowsOf(trace)).toContainEqual(
      expect.objectContaining({ hop: 'route', found: 'by eth0, in office' }),
    );
    const probe = { place: 'interface' as const, request: true, answers: ['echo reply'] };
    const sights = [
      { side: trace.from, place: 'interface' as const, seen: probe },
      {
        side: trace.from,
        place: 'lan' as const,
        seen: { place: 'lan' as const, request: false, answers: [] },
      },
    ];
    expect(probeRows(trace, { sights }).map(({ verdict }) => verdict)).toEqual([
      ...['ok', 'does not apply', 'ok'],
    ]);
  });

  test('the host is not, nor as the gateway, unless the network is with the host', () => {
    const anew =
      'create office anew with -o xnet.host=on, or with the --gateway of the LAN if that was meant';
    const found =
      '10.1.0.9 is an address of this host, which it and its containers do not reach of each other';
    const asGateway = { ...exit, gateways: ['10.1.0.9'] };
    const outwards = toDevice(SOMEWHERE, { device: 'eth0', gateway: '10.1.0.9' }, { exit: asGateway });
    expect(shown(toDevice('10.1.0.9', { device: 'eth0' }))).toEqual([`route: ${found} -> ${anew}`]);
    expect(shown(outwards)).toEqual([`LAN gateway: ${found} -> ${anew}`]);
    const withHost = { exit: { ...exit, isWithHost: true } };
    expect(shown(toDevice('10.1.0.9', { device: 'eth0' }, withHost))).toEqual([]);
  });

  test('an internal network has no way out, and the host is not one', () => {
    const trace = toDevice(
      SOMEWHERE,
      { refusal: 'Network is unreachable' },
      { exit: { ...exit, gateways: [] } },
    );
    expect(shown(trace)).toEqual([
      'route: Network is unreachable: it has no network that leads outside -> docker network connect bridge c1',
    ]);
  });
});

test.each<[string, boolean, number, string | undefined]>([
  ['on its own host', false, 2, 'ask from another host, or create office anew with -o xnet.host=on'],
  ['on its own host, with xnet.host=on', true, 2, undefined],
  ['on another host', false, 1, undefined],
])('a container is asked for by a host, %s', (_, isWithHost, host, remedy) => {
  const { container: _container, endpoint: _endpoint, ...from } = sideOf(1, factsOf(1, 2), host);
  const exit = {
    ...{ id: 'c0ffee', name: 'office', endpointId: 'e2', parent: 'eth1', gateways: [] },
    ...{ subnets: ['10.1.0.0/24'], isWithHost },
  };
  const { network: _network, ...trace } = traceOf({ from, exit });
  expect(wrongIn(trace).map((row) => row.remedy)).toEqual(remedy === undefined ? [] : [remedy]);
});
