/** The LAN of a VLAN is asked who has an address: by the VLAN's own interface, and nobody on another VLAN answers. */
import { expect, test } from '@jest/globals';
import type { MacvlanSpec } from '../../src/dataplane/modes.js';
import { LanSegment, type LanTestHost } from '../support/kernel/lan-segment.js';
import { eventually } from '../support/time/eventually.js';

const ON_10: MacvlanSpec = { kind: 'macvlan', submode: 'bridge', parent: 'eth1', vlan: 10, gateways: [] };

test('a device on the VLAN answers, one on the untagged LAN or on another VLAN does not', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const addresses = ['10.6.0.10', 'fd06::10', '10.6.0.20', '10.6.0.1', '10.6.0.99'];
  // Nothing is there yet by which it could be asked.
  expect(await host.dataplane.whoHas({ id: 'ten', mode: ON_10 }, addresses, 30)).toBeUndefined();
  await host.dataplane.ensureNetwork(lan.network(host, 'ten', ON_10));
  const { stranger } = lan;
  const [{ ifname }] = JSON.parse(await stranger.ip('-j link show type veth')) as [{ ifname: string }];
  for (const [vlan, address] of [
    [10, '10.6.0.10/24'],
    [20, '10.6.0.20/24'],
  ]) {
    await stranger.ip(`link add link ${ifname} name v${vlan} type vlan id ${vlan}`);
    await stranger.ip(`addr add ${address} dev v${vlan}`);
    await stranger.ip(`link set v${vlan} up`);
  }
  await stranger.ip('addr add fd06::10/64 dev v10 nodad');
  await stranger.ip(`addr add 10.6.0.1/24 dev ${ifname}`);
  // The kernel answers for an address on whatever interface the question came in, unless it is asked not to (arp_ignore).
  await stranger.exec('sysctl', '-qw', 'net.ipv4.conf.all.arp_ignore=1');
  await eventually(async () => {
    const answers = await host.dataplane.whoHas({ id: 'ten', mode: ON_10 }, addresses, 300);
    expect([answers?.interface, [...(answers?.devices.keys() ?? [])].sort()]).toEqual([
      'eth1.10',
      ['10.6.0.10', 'fd06::10'],
    ]);
  });
}, 120_000);
