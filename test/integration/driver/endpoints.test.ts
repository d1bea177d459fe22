/** Endpoints whose records the store does not take or give back at once: real etcd behind a proxy, a real kernel. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NetworkFollower } from '../../../src/agent/forwarding/network-follower.js';
import { HostsView } from '../../../src/agent/hosts/hosts-view.js';
import { KeyedMutex } from '../../../src/concurrency/keyed-mutex.js';
import { Unfinished, type UnfinishedTiming } from '../../../src/concurrency/unfinished.js';
import { Endpoints } from '../../../src/driver/endpoints/endpoints.js';
import { LocalNetworks } from '../../../src/driver/local-networks.js';
import { NewNetworks } from '../../../src/driver/networks/new-networks.js';
import { Prefix } from '../../../src/inet/prefix.js';
import { Ipam } from '../../../src/ipam/ipam.js';
import { addressRecord } from '../../../src/model/address.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord, parseRecord } from '../../../src/model/record.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { silentLogger } from '../../support/loggers.js';
import { type EtcdCluster, startEtcd } from '../../support/store/etcd.js';
import { openBehindProxy } from '../../support/store/etcd-behind-proxy.js';
import { eventually } from '../../support/time/eventually.js';

const TIMEOUT_MS = 60_000;
const SOON: UnfinishedTiming = { firstPauseMs: 50, longestPauseMs: 200 };
const NEVER: UnfinishedTiming = { firstPauseMs: TIMEOUT_MS, longestPauseMs: TIMEOUT_MS };

const NO_SANDBOXES = { enter: () => undefined, ready: async () => undefined, leave: () => undefined };
const OPEN = { prepare: async () => undefined, close: async () => undefined, hint: () => undefined };
const NO_HOSTS_FILES = {
  enter: () => undefined,
  correct: async () => undefined,
  leave: async () => undefined,
};

let cluster: EtcdCluster;

beforeAll(async () => {
  cluster = await startEtcd();
}, TIMEOUT_MS);
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** One host's endpoints in one network, with an address claimed for the first of them. */
async function openHost(timing: UnfinishedTiming) {
  const owned: AsyncDisposable[] = [];
  const own = <T extends AsyncDisposable>(part: T): T => {
    owned.unshift(part);
    return part;
  };
  const opened = own(await openBehindProxy(cluster));
  const { proxy, direct } = opened;
  const underlay = own(await TestUnderlay.create(1));
  const { dataplane, netns } = underlay.hosts[0]!;
  const spec = underlay.network(underlay.hosts[0]!, 'shop');
  const records = new RecordReader(silentLogger);
  const store = own(new Replica(opened.store, records));
  const hosts = own(new HostsView(store));
  await hosts.ready();
  const host = { hostId: 'h1', hostName: 'h1' };
  const ipam = own(new Ipam({ store, host, records, defaultPools: [] }));
  const subnet = Prefix.parse('10.1.0.0/24');
  const { poolId, poolKey } = await ipam.requestPool({ space: 'xnet-local', family: 4, subnet });
  const { address } = await ipam.requestAddress(poolId, { purpose: 'endpoint' });

  const local = new LocalNetworks();
  const pools = [{ subnet: `${subnet}`, poolKey }];
  const record = { version: 1 as const, id: spec.id, vni: spec.vni, multicast: true, internal: false, pools };
  await direct.commit([], [{ put: keys.network(spec.id), value: formatRecord(record) }]);
  local.addNetwork({ dockerNetworkId: 'shop', record });
  const changed = () => undefined;
  const parts = { replica: store, dataplane, hosts, hostId: host.hostId, logger: silentLogger, changed };
  const follower = own(new NetworkFollower(parts));
  const work: Promise<void>[] = [];
  const removals = own(new Unfinished(timing));
  const endpoints = new Endpoints({
    ...{ store, hostId: host.hostId, local, dataplane, follower, removals, mutex: new KeyedMutex() },
    newNetworks: new NewNetworks(),
    requireEncryption: async () => undefined,
    ...{
      addressBook: ipam.addressBook,
      sandboxes: NO_SANDBOXES,
      hostsFiles: NO_HOSTS_FILES,
      policies: { applied: async () => undefined },
      labels: { publishSoon: () => undefined },
      egress: OPEN,
      specOf: () => spec,
    },
    endpointsOf: (id) => follower.endpointsOf(id),
    hostName: () => 'h1',
    adoptNetwork: async () => undefined,
    background: (_, done) => work.push(done),
  });
  own({ [Symbol.asyncDispose]: async () => void (await Promise.allSettled(work)) });

  const endpointId = randomBytes(32).toString('hex');
  const create = () =>
    endpoints.create(
      { dockerNetworkId: 'shop', endpointId, addresses: [`${address}/24`] },
      new AbortController().signal,
    );
  const expectGone = async () => {
    expect((await direct.list(keys.endpoints())).entries).toEqual([]);
    const held = await direct.get(keys.address(poolKey, `${address}`));
    expect(held && parseRecord(addressRecord, held).state).toBe('resting');
    expect(await netns.ip('-o link')).not.toContain('xc');
  };
  return {
    ...{ proxy, endpoints, ipam, poolId, address, endpointId, removals, create, expectGone },
    [Symbol.asyncDispose]: async () => {
      for (const part of owned) await part[Symbol.asyncDispose]();
    },
  };
}

const unavailable = { code: 'STORE_UNAVAILABLE' };

test(
  'a deletion that the store did not take is made good as soon as it does',
  async () => {
    await using host = await openHost(SOON);
    await host.create();
    await host.proxy.refuse();
    await expect(host.endpoints.delete(host.endpointId)).rejects.toMatchObject(unavailable);
    await host.proxy.accept();
    await eventually(host.expectGone);
    await eventually(() => expect(host.removals.size).toBe(0));
  },
  TIMEOUT_MS,
);

test(
  'a creation that the store took without saying so is undone, after the failure as well',
  async () => {
    await using host = await openHost(SOON);
    host.proxy.pauseReplies();
    await expect(host.create()).rejects.toMatchObject(unavailable);
    host.proxy.resume();
    await eventually(host.expectGone);
  },
  TIMEOUT_MS,
);

test(
  'an endpoint that only the store knows goes when Docker gives its address back',
  async () => {
    await using host = await openHost(NEVER);
    host.proxy.pauseReplies();
    await expect(host.create()).rejects.toMatchObject(unavailable);
    host.proxy.resume();
    await eventually(async () => {
      const { boundTo } = await host.ipam.releaseAddress(host.poolId, host.address);
      expect(boundTo).toBe(host.endpointId);
    });
    expect(await host.endpoints.deleteUnlessJoined(host.endpointId)).toBe(true);
    await host.expectGone();
  },
  TIMEOUT_MS,
);
