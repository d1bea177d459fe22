/** What following a network says while the kernel refuses it. */
import { expect, test } from '@jest/globals';
import { NetworkFollower } from '../../../src/agent/forwarding/network-follower.js';
import { HostsView } from '../../../src/agent/hosts/hosts-view.js';
import { Replica } from '../../../src/replica/replica.js';
import { MemoryStore } from '../../../src/store/local/memory-store.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { type TestHost, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { muteLogger } from '../../support/loggers.js';

const records = new RecordReader(muteLogger);

test('fails with the reason, goes on trying, and succeeds once the kernel takes it', async () => {
  await using underlay = await TestUnderlay.create(1);
  const { netns, dataplane, vtep } = underlay.hosts[0] as TestHost;
  const network = underlay.network(underlay.hosts[0] as TestHost, 'shop');
  await netns.ip(`link add foreign type vxlan id ${network.vni} local ${vtep} dstport 4789`);
  await using store = new MemoryStore();
  await using replica = new Replica(store, records);
  await using hosts = new HostsView(replica);
  await hosts.ready();
  const parts = { replica, dataplane, hosts, hostId: 'h1', logger: muteLogger, changed() {} };
  await using follower = new NetworkFollower(parts);

  await expect(follower.follow(network)).rejects.toMatchObject({ code: 'IN_USE' });
  expect(follower.failures).toMatchObject([
    { networkId: network.id, reason: expect.stringContaining('another VXLAN device') },
  ]);
  await netns.ip('link del foreign');
  await follower.follow(network);
  expect(follower.failures).toEqual([]);
}, 60_000);
