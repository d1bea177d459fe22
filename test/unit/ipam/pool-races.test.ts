import { describe, expect, test } from '@jest/globals';
import type { Store } from '../../../src/store/store.js';
import { Cluster, next, poolRequest, replacing } from '../../support/ipam/cluster.js';

/** A store where `meanwhile` happens once, just after the first list under `prefix` was read. */
function interrupted(store: Store, prefix: string, meanwhile: () => Promise<unknown>): Store {
  let isDue = true;
  return replacing(store, {
    list: async (under) => {
      const snapshot = await store.list(under);
      if (isDue && under.startsWith(prefix)) {
        isDue = false;
        await meanwhile();
      }
      return snapshot;
    },
  });
}

describe('what another host does between reading and writing', () => {
  test('a subnet taken meanwhile is not chosen', async () => {
    await using cluster = new Cluster();
    const h2 = cluster.host('h2');
    const store = interrupted(cluster.store, 'pools/', () => h2.requestPool(poolRequest()));
    const { subnet } = await cluster.host('h1', { store }).requestPool(poolRequest());
    expect(`${subnet}`).toBe('10.192.1.0/24');
  });

  test('an overlapping pool made meanwhile is noticed', async () => {
    await using cluster = new Cluster();
    const h2 = cluster.host('h2');
    const store = interrupted(cluster.store, 'pools/', () => h2.requestPool(poolRequest('10.1.0.0/24')));
    await expect(cluster.host('h1', { store }).requestPool(poolRequest('10.1.0.0/16'))).rejects.toMatchObject(
      {
        code: 'IN_USE',
      },
    );
  });

  test('two subnets are not given to one named network', async () => {
    await using cluster = new Cluster();
    const h2 = cluster.host('h2');
    const shop = { networkName: 'shop' };
    const store = interrupted(cluster.store, 'pools/', () =>
      h2.requestPool(poolRequest('10.1.0.0/24', shop)),
    );
    const { subnet } = await cluster.host('h1', { store }).requestPool(poolRequest(undefined, shop));
    expect(`${subnet}`).toBe('10.1.0.0/24');
  });

  test('a pool joined meanwhile is not removed', async () => {
    await using cluster = new Cluster();
    const h2 = cluster.host('h2');
    let joined = { poolId: '' };
    const store = interrupted(cluster.store, 'pool-references/', async () => {
      joined = await h2.requestPool(poolRequest('10.1.0.0/24'));
    });
    const h1 = cluster.host('h1', { store });
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    await h1.releasePool(poolId);
    expect(await next(h2, joined.poolId)).toBe('10.1.0.2');
    expect((await h2.describePools()).map(({ references }) => references.length)).toEqual([1]);
  });

  test('a pool removed meanwhile is made again for the one who joins', async () => {
    await using cluster = new Cluster();
    const h2 = cluster.host('h2');
    const { poolId } = await h2.requestPool(poolRequest('10.1.0.0/24'));
    const store = interrupted(cluster.store, 'pools/', () => h2.releasePool(poolId));
    const h1 = cluster.host('h1', { store });
    const joined = await h1.requestPool(poolRequest('10.1.0.0/24'));
    expect(await next(h1, joined.poolId)).toBe('10.1.0.2');
    await h1.releasePool(joined.poolId);
    expect(await cluster.keys()).toEqual([]);
  });

  test('the last two to leave take the pool with them', async () => {
    await using cluster = new Cluster();
    const h2 = cluster.host('h2');
    const other = await h2.requestPool(poolRequest('10.1.0.0/24'));
    const store = interrupted(cluster.store, 'pool-references/', () => h2.releasePool(other.poolId));
    const h1 = cluster.host('h1', { store });
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    await h1.releasePool(poolId);
    expect(await cluster.keys()).toEqual([]);
  });
});
