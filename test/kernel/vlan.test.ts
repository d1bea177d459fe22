/** Networks on 802.1q VLANs: two on one interface are two LANs; their sub-interfaces are made, counted, repaired and removed. */
import { expect, test } from '@jest/globals';
import type { MacvlanSpec } from '../../src/dataplane/modes.js';
import { type LanContainer, LanSegment, type LanTestHost } from '../support/kernel/lan-segment.js';

const ON_10: MacvlanSpec = { kind: 'macvlan', submode: 'bridge', parent: 'eth1', vlan: 10, gateways: [] };
const ON_20: MacvlanSpec = { ...ON_10, vlan: 20 };

async function expectReach(from: LanContainer, to: LanContainer, isReached = true): Promise<void> {
  for (const address of to.addresses)
    expect([address, await from.netns.reaches(address, isReached ? 20 : 2)]).toEqual([address, isReached]);
}

interface ShownLink {
  readonly ifname: string;
  readonly mtu: number;
  readonly flags: readonly string[];
}

async function linksOf({ netns }: LanTestHost): Promise<ShownLink[]> {
  const links: ShownLink[] = JSON.parse(await netns.ip('-j link'));
  return links.filter(({ ifname }) => ifname !== 'lo');
}

async function namesOf(host: LanTestHost): Promise<string[]> {
  return (await linksOf(host)).map(({ ifname }) => ifname);
}

test('VLANs 10 and 20 on one interface are two LANs, with one subnet in both', async () => {
  await using lan = await LanSegment.create(2);
  const [a, b] = lan.hosts as [LanTestHost, LanTestHost];
  const on = (host: LanTestHost, label: string, mode: MacvlanSpec, last: number) =>
    lan.container(host, lan.network(host, label, mode), [`10.5.0.${last}/24`, `fd05::${last}/64`]);
  const [a10, b10] = [await on(a, 'ten', ON_10, 50), await on(b, 'ten', ON_10, 51)];
  const [a20, b20] = [await on(a, 'twenty', ON_20, 50), await on(b, 'twenty', ON_20, 61)];
  await expectReach(a10, b10);
  await expectReach(b20, a20);
  await expectReach(a10, b20, false);
  await expectReach(a20, b10, false);
  // Untagged frames are another LAN.
  expect(await lan.stranger.reaches('10.5.0.50', 2)).toBe(false);
  expect(await a.dataplane.lanParent(ON_10)).toMatchObject({ interface: 'eth1.10', mtu: 1500, isMade: true });
}, 120_000);

test('a sub-interface is made for the first network, counted, also after a restart, and removed with the last', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  expect(await host.dataplane.lanParent(ON_10)).toMatchObject({ interface: 'eth1.10', isMade: false });
  const first = await lan.container(host, lan.network(host, 'first', ON_10), ['10.5.0.50/24']);
  const second = await lan.container(host, lan.network(host, 'second', ON_10), ['10.5.0.51/24']);
  await expectReach(first, second);
  await lan.leave(first);
  await lan.restart(host);
  await host.dataplane.removeNetwork(first.network.id, ON_10);
  expect(await namesOf(host)).toEqual(['eth1', 'eth1.10']);
  expect((await host.dataplane.listNetworks()).map(({ id }) => id)).toContain(second.network.id);
  await lan.leave(second);
  await host.dataplane.removeNetwork(second.network.id);
  expect(await namesOf(host)).toEqual(['eth1']);
}, 60_000);

test('a sub-interface that was made by hand is used under its name, and left', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  await host.netns.ip('link add link eth1 name office type vlan id 10');
  const network = lan.network(host, 'ten', ON_10);
  const endpoint = { id: 'e'.repeat(64), mac: '02:00:00:00:00:77' };
  await expect(host.dataplane.ensureEndpoint(network, endpoint)).rejects.toThrow(/office is down/);
  await host.netns.ip('link set office up');
  await host.dataplane.ensureEndpoint(network, endpoint);
  expect(await host.netns.ip('-d link show xceeeeeeeeeeee')).toContain('xceeeeeeeeeeee@office');
  await host.dataplane.removeEndpoint(network.id, endpoint.id, ON_10);
  await host.dataplane.removeNetwork(network.id, ON_10);
  expect(await namesOf(host)).toEqual(['eth1', 'office']);
}, 60_000);

test('a name that is taken or too long is refused with the remedy, and nothing is made', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const endpoint = { id: 'e'.repeat(64), mac: '02:00:00:00:00:77' };
  await host.netns.ip('link add eth1.10 type bridge');
  const taken = host.dataplane.ensureEndpoint(lan.network(host, 'ten', ON_10), endpoint);
  await expect(taken).rejects.toMatchObject({ code: 'IN_USE', message: expect.stringContaining('eth1.10') });
  await host.netns.ip('link add enp0s31f6npf0v1 type bridge');
  await host.netns.ip('link set enp0s31f6npf0v1 up');
  const long = lan.network(host, 'long', { ...ON_10, parent: 'enp0s31f6npf0v1' });
  await expect(host.dataplane.ensureEndpoint(long, endpoint)).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('ip link add link enp0s31f6npf0v1 name vlan10 type vlan id 10'),
  });
  expect(await namesOf(host)).toEqual(['eth1', 'eth1.10', 'enp0s31f6npf0v1']);
}, 60_000);

test('a sub-interface that is deleted, down or narrow is put right, with what was on it', async () => {
  await using lan = await LanSegment.create(2);
  const [host, other] = lan.hosts as [LanTestHost, LanTestHost];
  const container = await lan.container(host, lan.network(host, 'ten', ON_10), ['10.5.0.50/24']);
  const peer = await lan.container(other, lan.network(other, 'ten', ON_10), ['10.5.0.51/24']);
  const check = () => host.dataplane.repairNetwork(container.network.id, () => [container.endpoint]);
  const right = { repairs: [], strangers: [], size: 0 };
  expect(await check()).toEqual(right);
  for (const [alteration, was] of [
    ['link del eth1.10', 'missing'],
    ['link set eth1.10 down', 'altered'],
    ['link set eth1.10 mtu 1300', 'altered'],
    // Which takes its sub-interface down with it, but not up in all kernels.
    ['link del eth1.10', 'missing'],
  ] as const) {
    await host.netns.ip(alteration);
    expect([alteration, (await check()).repairs]).toEqual([
      alteration,
      [{ kind: 'vlan', object: 'eth1.10', was }],
    ]);
    await expectReach(container, peer);
    expect([alteration, await check()]).toEqual([alteration, right]);
  }
  await host.netns.ip('link set eth1 down');
  await host.netns.ip('link set eth1 up');
  await check();
  await expectReach(container, peer);
  await host.netns.ip('link set eth1 mtu 1400');
  await check();
  await host.netns.ip('link set eth1 mtu 1500');
  await check();
  expect((await linksOf(host)).map(({ mtu }) => mtu)).toEqual([1500, 1500]);
}, 120_000);

test('the host reaches its containers on a VLAN on which it has an address', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const container = await lan.container(host, lan.network(host, 'ten', { ...ON_10, host: true }), [
    '10.8.0.50/24',
  ]);
  await host.netns.ip('addr add 10.8.0.11/24 dev eth1.10');
  await host.dataplane.repairNetwork(container.network.id, () => [container.endpoint]);
  expect(await host.netns.reaches('10.8.0.50', 20)).toBe(true);
  expect(await container.netns.reaches('10.8.0.11', 20)).toBe(true);
}, 60_000);
