import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { Ipam } from '../../../src/ipam/ipam.js';
import { addressRecord } from '../../../src/model/address.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord, parseRecord } from '../../../src/model/record.js';
import { Cluster, ip, next, poolRequest } from '../../support/ipam/cluster.js';
import { eventually } from '../../support/time/eventually.js';

const POOL = '10.9.0.0/24';
const GLOBAL = { space: 'xnet-global' } as const;

const request = (host: Ipam, pool = POOL) => host.requestPool(poolRequest(pool, GLOBAL));

/** As a manager that takes over asks for what was given out. */
const again = (host: Ipam, poolId: string, address: string) =>
  host.requestAddress(poolId, { purpose: 'endpoint', address: ip(address), isRepeatable: true });

async function record(cluster: Cluster, poolKey: string, address: string) {
  const entry = await cluster.store.get(keys.address(poolKey, address));
  return entry && parseRecord(addressRecord, entry);
}

describe('a pool of the global space', () => {
  test('is held by the cluster: whoever asks gets the same PoolID, and either gives it back', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    const { poolId } = await request(h1);
    expect((await request(h2)).poolId).toBe(poolId);
    expect(await next(h1, poolId)).toBe('10.9.0.2');
    expect(await next(h2, poolId)).toBe('10.9.0.3');
    await h2.releasePool(poolId);
    expect(await cluster.keys()).toEqual([]);
  });

  test('without a subnet is another for each that asks at the same time', async () => {
    await using cluster = new Cluster();
    const hosts = ['h1', 'h2', 'h3'].map((name) => cluster.host(name));
    const pools = await Promise.all(hosts.map((host) => host.requestPool(poolRequest(undefined, GLOBAL))));
    expect(new Set(pools.map(({ subnet }) => `${subnet}`)).size).toBe(3);
  });

  test('stays, with its gateway, while a network has it', async () => {
    await using cluster = new Cluster();
    const h1 = cluster.host('h1');
    const { poolId, poolKey } = await request(h1);
    const { address } = await h1.requestAddress(poolId, { purpose: 'gateway' });
    const pools = [{ poolKey, subnet: POOL }];
    const network = { version: 1 as const, id: 'n', vni: 1, multicast: true, internal: false, pools };
    await cluster.store.commit([], [{ put: keys.network('n'), value: formatRecord(network) }]);
    await h1.releaseAddress(poolId, address);
    await h1.releasePool(poolId);
    expect(await record(cluster, poolKey, `${address}`)).toMatchObject({ purpose: 'gateway' });
    await cluster.store.commit([], [{ remove: keys.network('n') }]);
    await h1.releaseGlobalPool(poolKey);
    expect(await cluster.keys()).toEqual([]);
  });

  test('is joined by a host that asks for its subnet in its own space; elsewhere that is another pool', async () => {
    await using cluster = new Cluster();
    const [manager, node] = [cluster.host('h1'), cluster.host('h2')];
    const { poolId, poolKey } = await request(manager);
    const joined = await node.requestPool(poolRequest(POOL, { joinsGlobal: true }));
    expect(joined.poolKey).toBe(poolKey);
    expect(joined.poolId).not.toBe(poolId);
    const given = await next(manager, poolId);
    const before = await cluster.store.get(keys.address(poolKey, given));
    await node.requestAddress(joined.poolId, { purpose: 'endpoint', address: ip(given) });
    await node.releaseAddress(joined.poolId, ip(given));
    await node.releasePool(joined.poolId);
    expect(await cluster.store.get(keys.address(poolKey, given))).toEqual(before);
    expect((await node.requestPool(poolRequest('10.8.0.0/24', { joinsGlobal: true }))).poolKey).toBe(
      'xnet-local~10.8.0.0/24',
    );
  });

  test('an address that was given out is given again to a manager alone', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    const { poolId } = await request(h1);
    const given = await next(h1, poolId);
    await again(h2, poolId, given);
    await expect(
      h2.requestAddress(poolId, { purpose: 'endpoint', address: ip(given) }),
    ).rejects.toMatchObject({ code: 'IN_USE' });
  });
});

test('what a manager that takes over does not ask for is given back', async () => {
  await using cluster = new Cluster();
  const [h1, h2] = [cluster.host('h1'), cluster.host('h2', { takeoverMs: 50, restSeconds: 0 })];
  const { poolId, poolKey } = await request(h1);
  const [kept, lost] = [await next(h1, poolId), await next(h1, poolId)];
  await request(h2);
  h2.beginTakeover(poolKey);
  await again(h2, poolId, kept);
  const fresh = await next(h2, poolId);
  await eventually(async () => (await record(cluster, poolKey, lost))?.state !== 'claimed');
  for (const address of [kept, fresh])
    expect(await record(cluster, poolKey, address)).toMatchObject({ state: 'claimed' });
});

test('a pool that a manager asked for in its last moment is given back when the next one does not ask for it', async () => {
  await using cluster = new Cluster();
  const [h1, h2] = [cluster.host('h1'), cluster.host('h2', { takeoverMs: 50, restSeconds: 0 })];
  const [network, overlay, unheard, left, other] = await Promise.all(
    [POOL, '10.8.0.0/24', '10.7.0.0/24', '10.6.0.0/24', '10.5.0.0/24'].map((pool) => request(h1, pool)),
  );
  await h1.requestAddress(left?.poolId ?? '', { purpose: 'gateway' });
  const pools = [{ poolKey: unheard?.poolKey ?? '', subnet: '10.7.0.0/24' }];
  const record = { version: 1 as const, id: 'n', vni: 1, multicast: true, internal: false, pools };
  await cluster.store.commit([], [{ put: keys.network('n'), value: formatRecord(record) }]);

  // Another network's IPAM alone is ours: its pool is asked for, and is nobody's record.
  await request(h2, '10.8.0.0/24');
  await request(h2);
  h2.beginTakeover(network?.poolKey ?? '');
  await eventually(async () => !(await cluster.keys()).some((key) => key.includes('10.6.0.0')));
  for (const { poolKey } of [network, overlay, unheard].flatMap((pool) => pool ?? [])) {
    expect(await cluster.store.get(keys.pool(poolKey))).toBeDefined();
  }
  expect(await cluster.store.get(keys.pool(other?.poolKey ?? ''))).toBeUndefined();
});

test('a pool that another manager has asked for since stays', async () => {
  await using cluster = new Cluster();
  const [h1, h2] = [cluster.host('h1'), cluster.host('h2', { takeoverMs: 50 })];
  const [one, two, three] = await Promise.all(
    [POOL, '10.8.0.0/24', '10.7.0.0/24'].map((pool) => request(h1, pool)),
  );
  await request(h2);
  h2.beginTakeover(one?.poolKey ?? '');
  await pause(10);
  await request(h1, '10.8.0.0/24');
  await eventually(async () => (await cluster.store.get(keys.pool(three?.poolKey ?? ''))) === undefined);
  expect(await cluster.store.get(keys.pool(two?.poolKey ?? ''))).toBeDefined();
});
