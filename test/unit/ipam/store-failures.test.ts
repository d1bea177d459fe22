import { describe, expect, test } from '@jest/globals';
import { XnetError } from '../../../src/errors.js';
import type { CommitResult, Store } from '../../../src/store/store.js';
import { Cluster, ip, next, poolRequest, replacing } from '../../support/ipam/cluster.js';
import { eventually } from '../../support/time/eventually.js';

const unavailable = () => new XnetError('STORE_UNAVAILABLE', 'no answer in time');

class Line {
  /** Before a commit arrives, or after it was applied. */
  cut: 'before' | 'after' | undefined;
  /** As `cut`, for the next commit only, or from then on when `cutThen`. */
  cutNext: 'after' | undefined;
  cutThen = false;
  commits = 0;

  isCutAfterCommit(): boolean {
    const isCut = (this.cut ?? this.cutNext) === 'after';
    if (this.cutNext && this.cutThen) this.cut = this.cutNext;
    this.cutNext = undefined;
    return isCut;
  }
}

/** A store whose connection can be cut. */
function cuttable(store: Store) {
  const line = new Line();
  const through = async <T>(call: () => Promise<T>): Promise<T> => {
    if (line.cut) throw unavailable();
    return call();
  };
  const commit = async (...args: Parameters<Store['commit']>): Promise<CommitResult> => {
    line.commits += 1;
    if (line.cut === 'before') throw unavailable();
    const result = await store.commit(...args);
    if (line.isCutAfterCommit()) throw unavailable();
    return result;
  };
  const cut = replacing(store, {
    commit,
    get: (key) => through(() => store.get(key)),
    list: (under) => through(() => store.list(under)),
    grantLease: (options) => through(() => store.grantLease(options)),
  });
  return { store: cut, line };
}

describe('when the store does not answer', () => {
  test('a claim that was applied though reported as failed is found and used, not made twice', async () => {
    await using cluster = new Cluster();
    const { store, line } = cuttable(cluster.store);
    const h1 = cluster.host('h1', { store });
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    await next(h1, poolId);
    line.cut = 'after';
    const claimed = next(h1, poolId);
    await eventually(() => line.commits === 3);
    line.cut = undefined;
    expect(await claimed).toBe('10.1.0.3');
    expect((await h1.describePools())[0]?.addresses.endpoints).toBe(2);
  });

  test('a claim that never arrived is made again for the same address', async () => {
    await using cluster = new Cluster();
    const { store, line } = cuttable(cluster.store);
    const h1 = cluster.host('h1', { store });
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    await next(h1, poolId);
    line.cut = 'before';
    const claimed = next(h1, poolId);
    await eventually(() => line.commits === 3);
    line.cut = undefined;
    expect(await claimed).toBe('10.1.0.3');
  });

  test('a release is made good later, and takes nothing from a claim made meanwhile', async () => {
    await using cluster = new Cluster();
    const { store, line } = cuttable(cluster.store);
    const h1 = cluster.host('h1', { store, restSeconds: 0, budgetMs: 50 });
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    const [one, other] = [ip(await next(h1, poolId)), ip(await next(h1, poolId))];
    line.cut = 'before';
    const releases = [one, other].map((address) => h1.releaseAddress(poolId, address));
    const failures = await Promise.allSettled(releases);
    expect(failures.map((failure) => failure.status)).toEqual(['rejected', 'rejected']);
    line.cut = undefined;
    await h1.requestAddress(poolId, { purpose: 'endpoint', address: one, container: 'again' });
    await eventually(() => h1.counts().unfinished === 0);
    expect((await h1.describePools())[0]?.addresses.endpoints).toBe(1);
  });

  test('a pool that could not be given back is given back later', async () => {
    await using cluster = new Cluster();
    const { store, line } = cuttable(cluster.store);
    const h1 = cluster.host('h1', { store, budgetMs: 50 });
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    await next(h1, poolId);
    line.cut = 'before';
    await expect(h1.releasePool(poolId)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    line.cut = undefined;
    await eventually(async () => (await cluster.keys()).length === 0);
  });

  test('a pool request that was applied though reported as failed is found and used, not made twice', async () => {
    await using cluster = new Cluster();
    const { store, line } = cuttable(cluster.store);
    const h1 = cluster.host('h1', { store });
    await h1.requestPool(poolRequest());
    line.cutNext = 'after';
    expect(`${(await h1.requestPool(poolRequest())).subnet}`).toBe('10.192.1.0/24');
    expect((await h1.describePools()).map(({ references }) => references.length)).toEqual([1, 1]);
  });

  test('a pool whose request failed with unknown outcome is given back later', async () => {
    await using cluster = new Cluster();
    const { store, line } = cuttable(cluster.store);
    const h1 = cluster.host('h1', { store, budgetMs: 50 });
    line.cutNext = 'after';
    line.cutThen = true;
    await expect(h1.requestPool(poolRequest())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await cluster.keys()).toHaveLength(5);
    line.cut = undefined;
    await eventually(async () => (await cluster.keys()).length === 0);
  });

  test('a claim that failed with unknown outcome is given back later', async () => {
    await using cluster = new Cluster();
    const { store, line } = cuttable(cluster.store);
    const h1 = cluster.host('h1', { store, budgetMs: 50 });
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    await next(h1, poolId);
    line.cutNext = 'after';
    line.cutThen = true;
    await expect(next(h1, poolId)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect((await cluster.host('h2').describePools())[0]?.addresses.endpoints).toBe(2);
    line.cut = undefined;
    await eventually(async () => (await h1.describePools())[0]?.addresses.endpoints === 1);
  });

  test('a lease of resting addresses that the store has lost is replaced', async () => {
    await using cluster = new Cluster();
    const leases: string[] = [];
    const store = replacing(cluster.store, {
      grantLease: async (options) => {
        const lease = await cluster.store.grantLease(options);
        leases.push(lease.id);
        if (leases.length === 1) await lease.revoke();
        return lease;
      },
    });
    const h1 = cluster.host('h1', { store });
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    expect(await h1.releaseAddress(poolId, ip(await next(h1, poolId)))).toEqual({});
    expect(await h1.releaseAddress(poolId, ip(await next(h1, poolId)))).toEqual({});
    expect(leases).toHaveLength(2);
  });
});
