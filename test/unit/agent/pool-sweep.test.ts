import { describe, expect, jest, test } from '@jest/globals';
import { followOwnBindings } from '../../../src/agent/local/local-state.js';
import { PoolSweep } from '../../../src/agent/pools/pool-sweep.js';
import { findUnusedHolds } from '../../../src/agent/pools/unused-holds.js';
import { Prefix } from '../../../src/inet/prefix.js';
import { Ipam } from '../../../src/ipam/ipam.js';
import { putBinding } from '../../../src/model/by-host.js';
import { keys } from '../../../src/model/keys.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { silentLogger } from '../../support/loggers.js';
import { MemoryStore } from '../../support/store/memory-store.js';
import { eventually } from '../../support/time/eventually.js';

const hold = { poolId: 'lost', subnet: '10.1.0.0/24' };

function dockerNetwork(id: string, subnet: string, driver = 'xnet') {
  return { id, ipam: { driver, options: {}, subnets: [{ subnet }] } };
}

describe('which holds on pools belong to nothing', () => {
  test('one whose subnet no Docker network has', () => {
    const networks = [dockerNetwork('a', '10.2.0.0/24')];
    expect(findUnusedHolds([hold], [], networks)).toEqual([hold]);
  });

  test('not one whose subnet a network without a binding has from xnet: a macvlan network, say', () => {
    expect(findUnusedHolds([hold], [], [dockerNetwork('a', '10.1.0.0/24')])).toEqual([]);
    expect(findUnusedHolds([hold], [], [dockerNetwork('a', '10.1.0.0/24', 'default')])).toEqual([hold]);
  });

  test('one beside the hold that the binding of the network of that subnet names', () => {
    const networks = [dockerNetwork('a', '10.1.0.0/24')];
    const binding = { dockerNetworkId: 'a', poolIds: ['own'] };
    expect(findUnusedHolds([hold], [binding], networks)).toEqual([hold]);
    expect(findUnusedHolds([hold], [{ dockerNetworkId: 'a' }], networks)).toEqual([]);
  });

  test('not one whose subnet a network has whose binding was written by an xnet that had not answered for the pool', () => {
    const networks = [dockerNetwork('a', '10.1.0.0/24')];
    const binding = { dockerNetworkId: 'a', poolIds: [] };
    expect(findUnusedHolds([hold], [binding], networks)).toEqual([]);
  });
});

test('a hold that belongs to nothing for long is given back, those of bindings and of other hosts stay', async () => {
  await using store = new MemoryStore();
  const records = new RecordReader(silentLogger);
  const replica = new Replica(store, records);
  const ipamOf = (id: string) =>
    new Ipam({
      store: replica,
      records,
      host: { hostId: id, hostName: id },
      defaultPools: [{ range: Prefix.parse('10.0.0.0/8'), length: 24 }],
    });
  await using ipam = ipamOf('h1');
  await using other = ipamOf('h2');
  const subnet = Prefix.parse('10.1.0.0/24');
  const request = { space: 'xnet-local' as const, family: 4 as const, subnet };
  const [, bound] = [await ipam.requestPool(request), await ipam.requestPool(request)];
  await other.requestPool(request);
  const binding = { version: 1 as const, networkId: 'n', hostId: 'h1', dockerNetworkId: 'a' };
  await store.commit([], putBinding({ ...binding, poolIds: [bound.poolId] }));
  await using sweep = new PoolSweep({
    ...{ pools: ipam, bindings: followOwnBindings(replica, 'h1'), logger: silentLogger },
    ...{ sweepMs: 5, graceMs: 20, registration: { isOwner: true } },
    engine: { listNetworks: async () => [] },
  });
  sweep.start();
  await eventually(async () => {
    const { entries } = await store.list(keys.poolReferences());
    expect(entries.map(({ key }) => key.split('/').slice(2)).sort()).toEqual([
      ['h1', bound.poolId.split('~').at(-1)],
      ['h2', expect.any(String)],
    ]);
  });
});

test('it is given back after a minute, though looks may come early', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  try {
    await jest.advanceTimersByTimeAsync(370);
    const released: string[] = [];
    await using sweep = new PoolSweep({
      bindings: { records: [] } as never,
      pools: {
        listHoldsExcept: async () => (released.length > 0 ? [] : [hold as never]),
        releasePool: async (poolId) => void released.push(poolId),
      },
      engine: { listNetworks: async () => [] },
      ...{ logger: silentLogger, registration: { isOwner: true } },
    });
    sweep.start();
    await jest.advanceTimersByTimeAsync(59_000);
    expect(released).toEqual([]);
    await jest.advanceTimersByTimeAsync(1_500);
    expect(released).toEqual(['lost']);
  } finally {
    jest.useRealTimers();
  }
});
