/** A host knows who has an address on its LAN also of containers that do not get its questions: those on the same interface. */
import { expect, test } from '@jest/globals';
import type { MacvlanSpec } from '../../../src/dataplane/modes.js';
import { LanSegment, type LanTestHost } from '../../support/kernel/lan-segment.js';
import { Netns } from '../../support/kernel/netns.js';

const OFFICE: MacvlanSpec = { kind: 'macvlan', submode: 'bridge', parent: 'eth1', gateways: [] };
const INSIDE: MacvlanSpec = { kind: 'macvlan', submode: 'bridge', gateways: [] };
const FOREIGN = '02:00:00:00:00:0b';

test("addresses of other networks' containers on the interface are in use, those of the network's own are not", async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const office = await lan.container(host, lan.network(host, 'office', OFFICE), ['10.5.0.50/24']);
  const lab = await lan.container(host, lan.network(host, 'lab', OFFICE), ['10.5.0.60/24', 'fd05::60/64']);
  await lan.container(host, lan.network(host, 'inner', INSIDE), ['10.5.0.70/24']);
  // As Docker's own macvlan has it.
  await using docker = await Netns.create('docker');
  await host.netns.ip(`link add foreign link eth1 address ${FOREIGN} type macvlan mode bridge`);
  await host.netns.ip(`link set foreign netns ${docker.name}`);
  await docker.ip('link set foreign name eth0 up');
  await docker.ip('addr add 10.5.0.80/24 dev eth0');
  const addresses = ['10.5.0.50', '10.5.0.60', 'fd05::60', '10.5.0.70', '10.5.0.80', '10.5.0.90'];
  const who = async (id: string) =>
    Object.fromEntries((await host.dataplane.whoHas({ id, mode: OFFICE }, addresses, 60))?.devices ?? []);
  expect(await who(office.network.id)).toEqual({
    ...{ '10.5.0.60': lab.endpoint.mac, 'fd05::60': lab.endpoint.mac },
    '10.5.0.80': FOREIGN,
  });
  expect(await who(lab.network.id)).toEqual({
    '10.5.0.50': office.endpoint.mac,
    '10.5.0.80': FOREIGN,
  });
});
