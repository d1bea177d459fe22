import { describe, expect, test } from '@jest/globals';
import { XnetError } from '../../../src/errors.js';
import type { Ipam } from '../../../src/ipam/ipam.js';
import { Cluster, ip, next, poolRequest, replacing, storeOf } from '../../support/ipam/cluster.js';

const POOL = 'xnet-local~10.1.0.0/24';
const binding = (address: string, endpointId: string) => ({
  poolKey: POOL,
  address,
  endpointId,
  networkId: 'n',
});

/** As the driver does at CreateEndpoint. */
async function bind(ipam: Ipam, address: string, endpointId: string) {
  const { conditions, writes } = await ipam.addressBook.bindPlan(binding(address, endpointId));
  return (await storeOf(ipam).commit(conditions, writes)).committed;
}

/** As the driver does at DeleteEndpoint. */
async function rest(ipam: Ipam, address: string, endpointId: string) {
  const { conditions, writes } = await ipam.addressBook.restPlan(binding(address, endpointId));
  await storeOf(ipam).commit(conditions, writes);
  return writes.length;
}

describe('the address book', () => {
  test('binds an address to its endpoint, keeps it from a release before, and puts it to rest after', async () => {
    await using cluster = new Cluster();
    const h1 = cluster.host('h1');
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    const address = await next(h1, poolId, 'web');
    expect(await bind(h1, address, 'e1')).toBe(true);
    expect(await bind(h1, address, 'e1')).toBe(true);
    expect(await h1.releaseAddress(poolId, ip(address))).toEqual({ boundTo: 'e1' });
    expect(await rest(h1, address, 'other')).toBe(0);
    expect(await rest(h1, address, 'e1')).toBe(1);
    expect(await rest(h1, address, 'e1')).toBe(0);
    expect(await h1.releaseAddress(poolId, ip(address))).toEqual({});
    expect((await h1.describePools())[0]?.addresses).toMatchObject({ endpoints: 0, resting: 1 });
  });

  test('knows which addresses are claimed for an endpoint to come, so that nobody else can have them', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    await h2.requestPool(poolRequest('10.1.0.0/24'));
    const address = await next(h1, poolId);
    expect(h1.addressBook.isClaimed({ poolKey: POOL, address })).toBe(true);
    expect(h2.addressBook.isClaimed({ poolKey: POOL, address })).toBe(false);
    expect(h1.addressBook.isClaimed({ poolKey: POOL, address: '10.1.0.99' })).toBe(false);
    await bind(h1, address, 'e1');
    expect(h1.addressBook.isClaimed({ poolKey: POOL, address })).toBe(false);
  });

  test('claims a free address for an endpoint, which no other host then gets', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    expect(await bind(h1, '10.1.0.2', 'e1')).toBe(true);
    const { poolId } = await h2.requestPool(poolRequest('10.1.0.0/24'));
    expect(await next(h2, poolId)).toBe('10.1.0.3');
    await expect(bind(h1, '10.1.0.3', 'e2')).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringMatching(/10\.1\.0\.3 is held by .*host h2.*--ipam-driver xnet/),
    });
    await expect(bind(h2, '10.1.0.2', 'e3')).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringContaining('endpoint e1 on host h1'),
    });
    await h2.releasePool(poolId);
    expect(await cluster.keys()).toEqual([`addresses/${encodeURIComponent(POOL)}/10.1.0.2`]);
  });

  test('reads anew when the same plan is asked for again after a commit that failed', async () => {
    await using cluster = new Cluster();
    const { store } = cluster;
    const h1 = cluster.host('h1');
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    const address = await next(h1, poolId);
    const { conditions, writes } = await h1.addressBook.bindPlan(binding(address, 'e1'));
    const key = conditions[0]!.key;
    const entry = await store.get(key);
    await store.commit([], [{ put: key, value: entry!.value }]);
    expect((await storeOf(h1).commit(conditions, writes)).committed).toBe(false);
    expect(await bind(h1, address, 'e1')).toBe(true);
  });

  test('reads anew until it has: what a view that is behind says of a commit of unknown outcome is not believed', async () => {
    await using cluster = new Cluster();
    let away = false;
    let answers = true;
    const store = replacing(cluster.store, {
      commit: async (...args) => {
        const result = await cluster.store.commit(...args);
        if (!answers) throw new XnetError('STORE_UNAVAILABLE', 'no answer in time');
        return result;
      },
      get: async (key) => {
        if (away) throw new XnetError('STORE_UNAVAILABLE', 'no answer in time');
        return cluster.store.get(key);
      },
      watch: async function* (under) {
        yield { type: 'snapshot', snapshot: await cluster.store.list(under) };
      },
    });
    const h1 = cluster.host('h1', { store });
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    const address = await next(h1, poolId);
    const { conditions, writes } = await h1.addressBook.bindPlan(binding(address, 'e1'));
    answers = false;
    await expect(storeOf(h1).commit(conditions, writes)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    answers = true;
    away = true;
    await expect(rest(h1, address, 'e1')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    away = false;
    expect(await rest(h1, address, 'e1')).toBe(1);
  });

  test('takes an address that rests', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    await bind(h1, '10.1.0.2', 'e1');
    await rest(h1, '10.1.0.2', 'e1');
    expect(await bind(h2, '10.1.0.2', 'e2')).toBe(true);
  });

  test.each(['10.1.0.0', '10.1.0.255', '10.2.0.1', 'x'])('refuses %j in 10.1.0.0/24', async (address) => {
    await using cluster = new Cluster();
    const { addressBook } = cluster.host('h1');
    await expect(addressBook.bindPlan(binding(address, 'e1'))).rejects.toMatchObject({ code: 'INVALID' });
  });
});
