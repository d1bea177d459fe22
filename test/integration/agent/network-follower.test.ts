/** Following a network while the kernel refuses it, and where records cannot be used. */
import { expect, test } from '@jest/globals';
import { NetworkFollower } from '../../../src/agent/forwarding/network-follower.js';
import { HostsView } from '../../../src/agent/hosts/hosts-view.js';
import { namespaceName } from '../../../src/dataplane/interface-names.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { type TestHost, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { muteLogger } from '../../support/loggers.js';
import { run } from '../../support/programs/command.js';
import { MemoryStore } from '../../support/store/memory-store.js';

const records = new RecordReader(muteLogger);

test('endpoints with an impossible MAC or address cost only themselves, and are a problem that names them', async () => {
  await using underlay = await TestUnderlay.create(1);
  const { dataplane } = underlay.hosts[0] as TestHost;
  const network = underlay.network(underlay.hosts[0] as TestHost, 'shop');
  await using store = new MemoryStore();
  const own = new RecordReader(muteLogger);
  await using replica = new Replica(store, own);
  await using hosts = new HostsView(replica);
  const host = { version: 1, id: 'h2', name: 'h2', vtep: '192.0.2.2', vxlanPort: 4789, xnetVersion: 'test' };
  const put = (id: string, mac: string, address: string) => {
    const ids = { version: 1, id, networkId: network.id, dockerNetworkId: 'd', hostId: 'h2' };
    return { put: keys.endpoint(network.id, id), value: formatRecord({ ...ids, addresses: [address], mac }) };
  };
  await store.commit(
    [],
    [{ put: keys.host('h2'), value: formatRecord(host) }, put('e1', '02:00:00:00:00:01', '10.0.0.1')],
  );
  await store.commit(
    [],
    [put('e2', '02:00:00:00:00:zz', '10.0.0.2'), put('e3', '02:00:00:00:00:03', '10.0.0.300')],
  );
  await hosts.ready();
  const parts = { replica, dataplane, hosts, hostId: 'h1', logger: muteLogger, changed() {} };
  await using follower = new NetworkFollower(parts);

  await follower.follow(network);
  expect(follower.failures).toEqual([]);
  const stdout = await run(['ip', 'netns', 'exec', namespaceName(network.id), 'bridge', 'fdb', 'show']);
  expect(stdout).toMatch(/02:00:00:00:00:01 .*dst 192\.0\.2\.2/);
  expect(stdout).not.toContain('02:00:00:00:00:03');
  expect(own.problems).toEqual([expect.stringMatching(/endpoints\/.*\/e2, endpoints\/.*\/e3;/)]);
}, 60_000);

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
