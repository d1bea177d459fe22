/** The hops of routed networks, whose hosts have neither bridge nor forwarding entries. */
import { expect, test } from '@jest/globals';
import { tracedNetwork } from '../../../src/host/answers/trace/traced-network.js';
import type { HostFacts } from '../../../src/trace/facts.js';
import { pathOf } from '../../../src/trace/paths.js';
import { planLook } from '../../../src/trace/plan.js';
import { probeRows } from '../../../src/trace/probe-rows.js';
import { judgeHops, type Side, type Trace } from '../../../src/trace/trace.js';

const RECORD = {
  ...{ version: 1, id: 'c0ffeec0ffee', name: 'shop', vni: 7, internal: false, mode: { kind: 'routed' } },
  pools: [{ subnet: '10.70.0.0/24' }],
};

function sideOf(own: number, hostNumber = own): Side {
  const eth0 = { name: 'eth0', mac: `02:00:00:00:00:0${own}`, mtu: 1500, isUp: true };
  const facts: HostFacts = {
    xnet: { found: { restart: 'systemctl restart xnet' } },
    container: { found: { state: 'running', sandboxPath: '/run/docker/netns/x', networks: ['shop'] } },
    sandbox: {
      found: {
        interfaces: [{ ...eth0, addresses: [`10.70.0.${own}/24`] }],
        ...{ routes: [], way: { device: 'eth0', mtu: 1500 }, drops: [], listeners: [] },
      },
    },
  };
  return {
    ...{ label: `c${own}`, networks: ['shop'], facts },
    host: { id: `id${hostNumber}`, name: `h${hostNumber}`, state: 'alive', vtep: `192.0.2.${hostNumber}` },
    container: { id: `c${own}`, name: `c${own}` },
    endpoint: { id: `e${own}`, addresses: [`10.70.0.${own}`], mac: eth0.mac },
  };
}

function traceOf(to = sideOf(2)): Trace {
  const network = tracedNetwork({ nameOf: () => 'shop' } as never, RECORD as never);
  return {
    ...{ from: sideOf(1), to, network, source: '10.70.0.1', destination: '10.70.0.2', protocol: 'icmp' },
  };
}

test.each([
  ['two hosts', traceOf()],
  ['one host', traceOf(sideOf(2, 1))],
])('a healthy way on %s has no fault, and no hop of an overlay or a LAN', (_, trace) => {
  const rows = judgeHops(pathOf(trace).hops, trace);
  expect(rows.filter(({ verdict }) => verdict === 'fault' || verdict === 'unknown')).toEqual([]);
  expect(rows).toContainEqual(
    expect.objectContaining({
      hop: 'forwarding',
      found: expect.stringContaining('netdev xnet-c0ffeec0ffee'),
    }),
  );
  expect(rows.map(({ hop }) => hop).join()).not.toMatch(/bridge|FDB|tunnel|LAN/);
  expect(Object.keys(planLook(trace.from, trace)).sort()).toEqual(['containerId', 'sandbox']);
});

test('a probe that vanished between the hosts is looked for in their tables', () => {
  const trace = traceOf();
  const sight = (side: Side, request: boolean) => ({
    ...{ side, place: 'interface' as const },
    seen: { place: 'interface' as const, request, answers: [] },
  });
  const [, vanished] = probeRows(trace, { sights: [sight(trace.from, true), sight(trace.to, false)] });
  expect(vanished).toMatchObject({
    verdict: 'fault',
    remedy: expect.stringMatching(/nft list table netdev xnet-c0ffeec0ffee.*xnet ping h2/),
  });
});
