/** What a trace reads of a routed network, and where it sees the probe: straight and through the tunnel. */
import { expect, test } from '@jest/globals';
import type { ProbePlace } from '../../../src/dataplane/probing.js';
import { tunnelMac } from '../../../src/dataplane/routed/routed-names.js';
import { wayIn } from '../../../src/trace/routed/routed-way.js';
import { RoutedPair, underlayMac } from '../../support/kernel/routed-pair.js';
import { eventually } from '../../support/time/eventually.js';

test.each([
  { way: 'direct', places: ['interface', 'port', 'underlay'] },
  { way: 'tunnel', places: ['interface', 'port', 'tunnel', 'underlay'] },
] as const)('$way: the table, the entries, and the packets at each place', async ({ way, places }) => {
  await using pair = await RoutedPair.create(way);
  const { a, b, first, second } = pair;
  const { inspection } = a.dataplane;
  const endpoint = { networkId: first.network.id, endpointId: first.endpoint.id };
  const facts = await inspection.routed({
    ...endpoint,
    addresses: [...first.addresses, ...second.addresses],
  });
  const port = `xr${first.endpoint.id.slice(0, 12)}`;
  expect(facts).toMatchObject({
    ...{ table: `xnet-${first.network.id}`, hasTable: true, hasChain: true, portName: port },
    port: { name: port, isUp: true, mtu: 1500 },
    tunnel: { name: `xv${first.network.id}`, isUp: true, vni: first.network.vni, vtep: a.vtep, port: 4789 },
    tunnelMac: tunnelMac(a.vtep),
    entries: way === 'tunnel' ? { [tunnelMac(b.vtep)]: b.vtep } : {},
    elements: {
      'mac4 10.1.0.2': first.endpoint.mac,
      'port4 10.1.0.2': port,
      [`${way}6 fd01::3`]: way === 'direct' ? await underlayMac(b) : tunnelMac(b.vtep),
      [`from4 10.1.0.3 . ${await underlayMac(b)}`]: '',
    },
  });
  expect(first.addresses.map((address) => wayIn(facts, address))).toEqual(['local', 'local']);
  expect(second.addresses.map((address) => wayIn(facts, address))).toEqual([way, way]);

  const sandboxPath = `/run/netns/${first.netns.name}`;
  const flow = {
    ...{ protocol: 'icmp' as const, destination: '10.1.0.3', id: 4711 },
    ...(way === 'tunnel' && { tunnel: { vni: first.network.vni, port: 4789 } }),
  };
  const site = { sandboxPath, mac: first.endpoint.mac, endpoint, isRouted: true, peer: b.vtep };
  const wanted: readonly ProbePlace[] = places;
  using armed = await inspection.arm(site, wanted, flow);
  expect(await inspection.send(sandboxPath, flow)).toBeUndefined();
  await eventually(() =>
    expect(armed.seen().map(({ place, request, answers }) => [place, request, answers])).toEqual(
      wanted.map((place) => [place, true, ['echo reply']]),
    ),
  );
});
