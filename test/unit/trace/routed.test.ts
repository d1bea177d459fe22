/** The hops of routed networks: a healthy way first, straight and through the tunnel, and then with one thing wrong. */
import { describe, expect, test } from '@jest/globals';
import type { RoutedFacts, UnderlayFacts } from '../../../src/dataplane/inspection.js';
import type { HostFacts } from '../../../src/trace/facts.js';
import { pathOf } from '../../../src/trace/paths.js';
import { planLook } from '../../../src/trace/plan.js';
import { probeRows } from '../../../src/trace/probe-rows.js';
import { isTunnelled, judgeHops, type Row, type Side, type Trace } from '../../../src/trace/trace.js';

const NETWORK = {
  ...{ id: 'c0ffee', mode: 'routed' as const, name: 'shop', vni: 7 },
  ...{ subnets: ['10.1.0.0/24'], isInternal: false },
};

type Way = 'direct' | 'tunnel';

const mac = (own: number) => `02:00:00:00:00:0${own}`;
const hostMac = (host: number) => `02:aa:00:00:00:0${host}`;
const tunnelMac = (host: number) => `0e:00:c0:00:02:0${host}`;

interface Changes {
  readonly routed?: Partial<RoutedFacts>;
  readonly elements?: Readonly<Record<string, string | undefined>>;
  readonly underlay?: Partial<UnderlayFacts>;
}

/** What host `own` has found of its container `own`, when the other is on host `other`. */
function factsOf(own: number, other: number, way: Way, { routed, elements, underlay }: Changes): HostFacts {
  const eth0 = { name: 'eth0', mac: mac(own), mtu: 1500, isUp: true, addresses: [`10.1.0.${own}/24`] };
  const all: Record<string, string | undefined> = {
    [`mac4 10.1.0.${own}`]: mac(own),
    [`port4 10.1.0.${own}`]: `xr${own}`,
    [`${way}4 10.1.0.${other}`]: way === 'direct' ? hostMac(other) : tunnelMac(other),
    [`from4 10.1.0.${other} . ${tunnelMac(other)}`]: '',
    [`from4 10.1.0.${other} . ${hostMac(other)}`]: '',
    ...elements,
  };
  const found = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  const device = { isUp: true, mtu: 1500 };
  return {
    xnet: { found: { restart: 'systemctl restart xnet' } },
    container: { found: { state: 'running', sandboxPath: '/run/docker/netns/x', networks: ['shop'] } },
    sandbox: {
      found: {
        interfaces: [eth0],
        routes: [{ destination: '10.1.0.0/24', device: 'eth0' }],
        way: { device: 'eth0', mtu: 1500 },
        ...{ drops: [], listeners: [] },
      },
    },
    routed: {
      found: {
        ...{ table: 'xnet-c0ffee', hasTable: true, hasChain: true, portName: `xr${own}` },
        port: { ...device, name: `xr${own}` },
        tunnelName: 'xvc0ffee',
        tunnel: { ...device, name: 'xvc0ffee', vni: 7, vtep: `192.0.2.${own}`, port: 4789 },
        tunnelMac: tunnelMac(own),
        elements: Object.fromEntries(found) as Record<string, string>,
        entries: { [tunnelMac(other)]: `192.0.2.${other}` },
        why: 'it answers probes on the segment',
        ...routed,
      },
    },
    underlay: {
      found: {
        way: { device: 'eth0', mtu: 1500 },
        interface: { ...eth0, mac: hostMac(own), addresses: [`192.0.2.${own}/24`] },
        filter: { takesPeer: true, knowsVni: true },
        ...{ drops: [], reversePath: 0, ...underlay },
      },
    },
  };
}

function sideOf(own: number, facts: HostFacts, host = own): Side {
  return {
    label: `c${own}`,
    host: { id: `id${host}`, name: `h${host}`, state: 'alive', vtep: `192.0.2.${host}` },
    container: { id: `c${own}`, name: `c${own}` },
    endpoint: { id: `e${own}`, addresses: [`10.1.0.${own}`], mac: mac(own) },
    networks: ['shop'],
    facts,
  };
}

function traceOf(ways: readonly [Way, Way], from: Changes = {}, to: Changes = {}): Trace {
  return {
    ...{ from: sideOf(1, factsOf(1, 2, ways[0], from)), to: sideOf(2, factsOf(2, 1, ways[1], to)) },
    ...{ network: NETWORK, source: '10.1.0.1', destination: '10.1.0.2', protocol: 'icmp' },
  };
}

const STRAIGHT = ['direct', 'direct'] as const;
const TUNNELLED = ['tunnel', 'tunnel'] as const;
const rowsOf = (trace: Trace): Row[] => judgeHops(pathOf(trace).hops, trace);
const wrongIn = (trace: Trace) =>
  rowsOf(trace).filter(({ verdict }) => verdict === 'fault' || verdict === 'unknown');
const placesOf = (trace: Trace) => pathOf(trace).points.map(({ at, place }) => `${at} ${place}`);
const rowOf = (trace: Trace, host: string, hop: string) =>
  rowsOf(trace).find((row) => row.host === host && row.hop === hop);

describe('between two hosts', () => {
  test('straight: what is of the tunnel alone does not apply, not even a firewall that drops it', () => {
    const drops = [{ rule: 'drop', isCertain: true, remedy: 'x' }];
    const trace = traceOf(STRAIGHT, { underlay: { drops } });
    expect(wrongIn(trace)).toEqual([]);
    expect(rowOf(trace, 'h1', 'forwarding')).toMatchObject({
      verdict: 'ok',
      found: `straight to MAC ${hostMac(2)}: it answers probes on the segment`,
    });
    for (const hop of ['tunnel', 'host firewall', 'tunnel filter'])
      expect(rowOf(trace, 'h1', hop)).toMatchObject({ verdict: 'does not apply' });
    expect(placesOf(trace).join(', ')).toBe(
      'from interface, from port, from underlay, to underlay, to port, to interface',
    );
    expect(isTunnelled(trace)).toBe(false);
  });

  test('through the tunnel: whose packets need no more room than the underlay has', () => {
    const trace = traceOf(TUNNELLED);
    expect(wrongIn(trace)).toEqual([]);
    expect(rowOf(trace, 'h2', 'forwarding')).toMatchObject({
      found: 'through the tunnel to 192.0.2.1: it answers probes on the segment',
    });
    expect(rowOf(trace, 'h1', 'tunnel filter')).toMatchObject({ verdict: 'ok' });
    expect(placesOf(trace).join(', ')).toBe(
      'from interface, from port, from tunnel, from underlay, to underlay, to tunnel, to port, to interface',
    );
    expect(isTunnelled(trace)).toBe(true);
  });

  test('one way straight and the other through the tunnel: the probe is looked for at the ports', () => {
    const trace = traceOf(['direct', 'tunnel']);
    expect(wrongIn(trace)).toEqual([]);
    expect(rowOf(trace, 'h1', 'host firewall')).toMatchObject({ verdict: 'ok' });
    expect(placesOf(trace)).toEqual(['from interface', 'from port', 'to port', 'to interface']);
  });

  test('each host is asked for its table, and for its underlay', () => {
    const trace = traceOf(STRAIGHT);
    expect(planLook(trace.from, trace)).toMatchObject({
      routed: { networkId: 'c0ffee', endpointId: 'e1', addresses: ['10.1.0.1', '10.1.0.2'], peerId: 'id2' },
      underlay: { vtep: '192.0.2.1', peerVtep: '192.0.2.2', vni: 7 },
    });
    for (const part of ['network', 'lan']) expect(planLook(trace.from, trace)).not.toHaveProperty(part);
  });

  test.each<[string, Trace, Partial<Row>]>([
    [
      'the port is gone',
      traceOf(STRAIGHT, { routed: { port: undefined } }),
      { host: 'h1', hop: 'port', found: 'xr1 is missing', remedy: 'systemctl restart xnet' },
    ],
    [
      'the port is down',
      traceOf(STRAIGHT, {}, { routed: { port: { name: 'xr2', isUp: false, mtu: 1500 } } }),
      { host: 'h2', hop: 'port', remedy: 'ip link set xr2 up' },
    ],
    [
      'the chain of the port is gone',
      traceOf(STRAIGHT, { routed: { hasChain: false } }),
      { host: 'h1', hop: 'port', found: 'its chain in netdev xnet-c0ffee is gone' },
    ],
    [
      'the table has another MAC for the container',
      traceOf(STRAIGHT, {}, { elements: { 'mac4 10.1.0.2': '02:66:66:66:66:66' } }),
      { host: 'h2', hop: 'port', found: 'packets to 10.1.0.2 go to xr2, MAC 02:66:66:66:66:66' },
    ],
    [
      'the other host has another MAC',
      traceOf(STRAIGHT, { elements: { 'direct4 10.1.0.2': '02:66:66:66:66:66' } }),
      {
        ...{ host: 'h1', hop: 'forwarding' },
        remedy: 'ip neigh flush to 192.0.2.2; systemctl restart xnet',
      },
    ],
    [
      'the tunnel has no entry for the other host',
      traceOf(TUNNELLED, { routed: { entries: {} } }),
      {
        ...{ host: 'h1', hop: 'forwarding' },
        remedy: `bridge fdb replace ${tunnelMac(2)} dev xvc0ffee dst 192.0.2.2 self permanent`,
      },
    ],
    [
      'the tunnel leads to another host',
      traceOf(TUNNELLED, {}, { routed: { entries: { [tunnelMac(1)]: '192.0.2.9' } } }),
      { host: 'h2', hop: 'forwarding', found: 'through the tunnel to 192.0.2.9' },
    ],
    [
      'packets off the segment are not taken',
      traceOf(STRAIGHT, {}, { elements: { [`from4 10.1.0.1 . ${hostMac(1)}`]: undefined } }),
      { host: 'h2', hop: 'source', found: `from ${tunnelMac(1)}` },
    ],
    [
      'the tunnel is down',
      traceOf(TUNNELLED, {
        routed: { tunnel: { name: 'xv', isUp: false, mtu: 1500, vni: 7, vtep: '192.0.2.1', port: 4789 } },
      }),
      { host: 'h1', hop: 'tunnel', remedy: 'ip link set xvc0ffee up' },
    ],
  ])('%s', (_, trace, row) => {
    expect(wrongIn(trace)).toEqual([expect.objectContaining({ ...row, verdict: 'fault' })]);
  });

  test('an address that the table does not know is a fault, and so is all that hangs on it', () => {
    const wrong = wrongIn(traceOf(STRAIGHT, { elements: { 'direct4 10.1.0.2': undefined } }));
    expect(wrong[0]).toMatchObject({ host: 'h1', hop: 'forwarding', verdict: 'fault' });
    expect(wrong.slice(1)).toEqual([expect.objectContaining({ hop: 'source', verdict: 'unknown' })]);
  });

  test('without its table the port, the way and the answers are wrong on that host alone', () => {
    const wrong = wrongIn(traceOf(STRAIGHT, { routed: { hasTable: false, hasChain: false, elements: {} } }));
    expect(
      wrong.filter(({ verdict }) => verdict === 'fault').map(({ host, hop }) => `${host} ${hop}`),
    ).toEqual(['h1 port', 'h1 forwarding', 'h1 source']);
  });

  test('a host with an older xnet is unknown', () => {
    const trace = traceOf(STRAIGHT);
    const { routed: _, ...older } = trace.to.facts as HostFacts;
    const wrong = wrongIn({ ...trace, to: { ...trace.to, facts: older } });
    expect(new Set(wrong.map(({ verdict }) => verdict))).toEqual(new Set(['unknown']));
  });

  test('a probe that vanishes straight between two hosts is the segment, not the tunnel', () => {
    const trace = traceOf(STRAIGHT);
    const sights = pathOf(trace).points.map(({ at, place }) => ({
      ...{ side: trace[at], place },
      seen: { place, request: at === 'from', answers: [] },
    }));
    const fault = probeRows(trace, { sights }).find(({ verdict }) => verdict === 'fault');
    expect(fault).toMatchObject({ host: 'h2', hop: 'probe: underlay' });
    expect(fault?.remedy).toContain('docs/segments.md');
  });
});

test('on one host the table hands packets from port to port', () => {
  const own = (one: number, other: number) =>
    factsOf(one, other, 'direct', {
      elements: {
        [`direct4 10.1.0.${other}`]: undefined,
        [`mac4 10.1.0.${other}`]: mac(other),
        [`port4 10.1.0.${other}`]: `xr${other}`,
      },
    });
  const trace = { ...traceOf(STRAIGHT), from: sideOf(1, own(1, 2)), to: sideOf(2, own(2, 1), 1) };
  expect(wrongIn(trace)).toEqual([]);
  expect(placesOf(trace)).toEqual(['from interface', 'from port', 'to port', 'to interface']);
  expect(planLook(trace.from, trace)).not.toHaveProperty('underlay');
});
