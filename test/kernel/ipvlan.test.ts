/** Networks of mode ipvlan, whose containers have the MAC of the parent: l2 as a LAN, l3 by routes, the host's reach, repairs. */
import { expect, test } from '@jest/globals';
import type { IpvlanSpec, LanSpec } from '../../src/dataplane/modes.js';
import {
  GATEWAYS,
  type LanContainer,
  LanSegment,
  type LanTestHost,
  OUTSIDE,
  STRANGER_ADDRESSES,
} from '../support/kernel/lan-segment.js';
import type { Netns } from '../support/kernel/netns.js';

const L2: IpvlanSpec = { kind: 'ipvlan', submode: 'l2', flag: 'bridge', parent: 'eth1', gateways: GATEWAYS };
const L3: IpvlanSpec = { ...L2, submode: 'l3' };
/** As Docker chooses a gateway: of the subnet, and nobody has it. */
const routedBy = (...gateways: string[]): IpvlanSpec => ({ ...L3, gateways });

async function expectReachable(netns: Netns, addresses: readonly string[]): Promise<void> {
  for (const address of addresses)
    expect([address, await netns.reaches(address, 20)]).toEqual([address, true]);
}

async function repairsOf({ host, network, endpoint }: LanContainer): Promise<unknown> {
  const { repairs, failure } = await host.dataplane.repairNetwork(network.id, () => [endpoint]);
  return failure ?? repairs;
}

test('l2: containers of two hosts, a gateway and a stranger reach each other, all with the MAC of the parent', async () => {
  await using lan = await LanSegment.create(2);
  const [a, b] = lan.hosts as [LanTestHost, LanTestHost];
  const first = await lan.container(a, lan.network(a, 'office', L2), ['10.5.0.50/24', 'fd05::50/64']);
  const second = await lan.container(b, lan.network(b, 'office', L2), ['10.5.0.51/24', 'fd05::51/64']);
  const third = await lan.container(a, first.network, ['10.5.0.52/24', 'fd05::52/64']);
  await expectReachable(first.netns, [...second.addresses, ...third.addresses, ...GATEWAYS, ...OUTSIDE]);
  await expectReachable(first.netns, STRANGER_ADDRESSES);
  await expectReachable(lan.stranger, second.addresses);
  const [{ address }]: [{ address: string }] = JSON.parse(await a.netns.ip('-j link show eth1'));
  expect(await first.netns.ip('link show eth0')).toContain(address);
  await first.netns.ip('link del eth0');
  expect(await repairsOf(first)).toMatchObject([{ kind: 'ipvlan', was: 'missing' }]);
  await expectReachable(first.netns, [...second.addresses, ...OUTSIDE]);
  expect(await repairsOf(first)).toEqual([]);
  await lan.leave(third);
  expect(await a.netns.ip('link')).not.toContain(`xc${third.endpoint.id.slice(0, 12)}`);
}, 120_000);

test('l3: containers are reached by routes to them, also from another host, and keep theirs', async () => {
  await using lan = await LanSegment.create(2);
  const [a, b] = lan.hosts as [LanTestHost, LanTestHost];
  const first = await lan.container(a, lan.network(a, 'routed', routedBy('10.6.1.1', 'fd06:1::1')), [
    '10.6.1.2/24',
    'fd06:1::2/64',
  ]);
  const second = await lan.container(a, first.network, ['10.6.1.3/24', 'fd06:1::3/64']);
  const third = await lan.container(b, lan.network(b, 'routed', routedBy('10.6.2.1', 'fd06:2::1')), [
    '10.6.2.2/24',
    'fd06:2::2/64',
  ]);
  await expectReachable(first.netns, second.addresses);
  // What an administrator sets on hosts and routers, as with Docker's own driver.
  await a.netns.ip('route add 10.6.2.0/24 via 10.5.0.12');
  await a.netns.ip('route add fd06:2::/64 via fd05::12');
  await b.netns.ip('route add 10.6.1.0/24 via 10.5.0.11');
  await b.netns.ip('route add fd06:1::/64 via fd05::11');
  await expectReachable(first.netns, third.addresses);
  await expectReachable(b.netns, first.addresses);
  await first.netns.ip('link del eth0');
  expect(await repairsOf(first)).toMatchObject([{ kind: 'ipvlan', was: 'missing' }]);
  expect(await first.netns.ip('route show default')).toContain('default via 10.6.1.1 dev eth0');
  await expectReachable(first.netns, third.addresses);
}, 120_000);

test('a parent carries ipvlan in one mode and no macvlan beside it: the other network is named', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const first = await lan.container(host, lan.network(host, 'office', L2), ['10.5.0.50/24']);
  const endpoint = { id: 'e'.repeat(64), mac: '02:00:00:00:00:77' };
  const others: LanSpec[] = [
    L3,
    { ...L2, flag: 'private' },
    { kind: 'macvlan', submode: 'bridge', parent: 'eth1', gateways: [] },
  ];
  for (const [index, mode] of others.entries())
    await expect(
      host.dataplane.ensureEndpoint(lan.network(host, `other${index}`, mode), endpoint),
    ).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringContaining(`network ${first.network.id} (ipvlan l2, bridge) is on it`),
    });
  // Nor after a restart, before anybody has looked at what is there.
  await lan.restart(host);
  await expect(
    host.dataplane.ensureEndpoint(lan.network(host, 'other0', L3), endpoint),
  ).rejects.toMatchObject({ code: 'IN_USE', message: expect.stringContaining(first.network.id) });
  expect(await first.netns.ip('-d link show eth0')).toMatch(/ipvlan +mode l2/);
  // With the last endpoint the parent is free.
  await lan.leave(first);
  await host.dataplane.ensureEndpoint(lan.network(host, 'other0', L3), endpoint);
}, 60_000);

test('l3 with host: the host and its containers reach each other, and others the host', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  await host.netns.exec('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1');
  const network = lan.network(host, 'office', { ...L3, host: true });
  const container = await lan.container(host, network, ['10.5.0.50/24', 'fd05::50/64']);
  await expectReachable(host.netns, container.addresses);
  await expectReachable(container.netns, host.addresses);
  await expectReachable(lan.stranger, host.addresses);
  await lan.leave(container);
  await host.dataplane.removeNetwork(network.id, L3);
  expect(await host.netns.ip('link')).not.toContain(`xh${network.id}`);
}, 60_000);

test('l2 with host is refused: what a container answers would come in by the parent', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const network = lan.network(host, 'office', { ...L2, host: true });
  await expect(host.dataplane.ensureNetwork(network)).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('use macvlan bridge, or ipvlan l3'),
  });
}, 60_000);

test('a LAN inside the host needs no parent', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const network = lan.network(host, 'inner', { kind: 'ipvlan', submode: 'l2', flag: 'bridge', gateways: [] });
  const first = await lan.container(host, network, ['10.6.0.2/24']);
  const second = await lan.container(host, network, ['10.6.0.3/24']);
  await expectReachable(first.netns, second.addresses);
}, 60_000);
