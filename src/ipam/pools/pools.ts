/**
 * Pools and this host's holds on them.
 *
 * A pool exists while any host has a hold on it. Its creation and its removal are conditional on the revision of the
 * pool guard, so that no subnet is chosen by an outdated list. The removal of its last hold is conditional on the
 * revision of the guard of its holds, so that none is added in between.
 */
import { isXnetError, XnetError } from '../../errors.js';
import { removeHold } from '../../model/by-host.js';
import { keys } from '../../model/keys.js';
import { networkRecord } from '../../model/network.js';
import {
  ADDRESS_SPACES,
  formatPoolKey,
  type PoolName,
  poolRecord,
  poolReferenceRecord,
  showPool,
} from '../../model/pool.js';
import { findRecord, parseRecord } from '../../model/record.js';
import type { Condition, Revision } from '../../store/store.js';
import { type Attempt, asRead } from '../../store/transact.js';
import { clusterHold, clusterHoldId, type Hold, holdKey, holdOn, type Request } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';
import { type DefaultPool, type PoolRequest, planPool } from './plan-pool.js';
import { createPoolWrites, holdWrites, listPools, poolsOf, removePoolWrites } from './pool-entries.js';
import { sweepHold } from './sweep-hold.js';

export class Pools {
  readonly #context: IpamContext;
  readonly #defaults: readonly DefaultPool[];

  constructor(context: IpamContext, defaults: readonly DefaultPool[]) {
    this.#context = context;
    this.#defaults = defaults;
  }

  /**
   * Creates a hold on a pool, and the pool if there is none. A repeated request finds the hold that it created before.
   * Throws as planPool, IN_USE, and INTERNAL for a pool whose record cannot be read.
   */
  async request(request: PoolRequest, { id, repeated }: Request): Promise<Hold> {
    const tried = new Map<string, Hold>();
    try {
      const earlier = repeated ? await this.#findEarlier(request, id) : undefined;
      return earlier ?? (await this.#context.transact(() => this.#attemptRequest(request, id, tried)));
    } catch (error: unknown) {
      if (isXnetError(error) && error.fields.outcome === 'unknown') {
        // Other managers may use the cluster's hold, so it stays; the next request for it finds it or creates it.
        for (const hold of tried.values()) if (!hold.isOfCluster) this.#releaseLater(hold);
      }
      throw error;
    }
  }

  /**
   * Removes the hold and the addresses that it alone has; with the last hold of all hosts it removes the pool and
   * everything in it. An address that an endpoint has without a hold (Docker's own IPAM chose it) stays. Idempotent,
   * also for a hold that never was. The cluster's hold stays while a network has the pool: a manager rolls back the
   * creation of a second network with the first one's subnet. Throws INTERNAL for what a newer xnet wrote, which stays.
   */
  async release(hold: Hold): Promise<void> {
    if (hold.isOfCluster && (await this.#isUsed(hold.poolKey))) return;
    try {
      await this.#release(hold);
    } catch (error: unknown) {
      // Docker does not ask again.
      if (isXnetError(error, 'STORE_UNAVAILABLE', 'STORE_CONFLICT')) this.#releaseLater(hold);
      throw error;
    } finally {
      await this.#context.views.close(hold);
    }
  }

  /**
   * As `release`, for a cluster's hold that nobody has requested since it had this revision. Throws the store's errors;
   * a failed release is not done later.
   */
  async releaseAbandoned(hold: Hold, revision: Revision): Promise<void> {
    const entry = await this.#context.store.get(this.#keyOf(hold));
    if (entry?.revision !== revision || (await this.#isUsed(hold.poolKey))) return;
    await this.#release(hold, revision);
  }

  /** The key of each pool of the global space, with the revision of the cluster's hold on it, where there is one. */
  async listGlobalHolds(): Promise<ReadonlyMap<string, Revision>> {
    const { store } = this.#context;
    const global = (await listPools(store))
      .filter(({ space }) => space === ADDRESS_SPACES.global)
      .map(clusterHold);
    const entries = await Promise.all(global.map((hold) => store.get(this.#keyOf(hold))));
    return new Map(
      global.flatMap(({ poolKey }, at) => (entries[at] ? [[poolKey, entries[at].revision] as const] : [])),
    );
  }

  async #attemptRequest(
    request: PoolRequest,
    requestId: string,
    tried: Map<string, Hold>,
  ): Promise<Attempt<Hold>> {
    const { store, host, records } = this.#context;
    for (const earlier of tried.values()) {
      if (await this.#isMade(earlier, requestId)) return { result: earlier };
    }
    // The guard first: a list read after it is at least as new.
    const guard = await store.get(keys.poolGuard());
    const { entries } = await store.list(keys.pools());
    records.read(poolRecord, keys.pools(), entries);
    const pools = poolsOf(entries);
    const resolved = request.joinsGlobal ? inGlobalSpace(request, pools) : request;
    const plan = planPool(resolved, pools, this.#defaults);
    if (plan.action === 'refuse') throw await this.#overlap(request, plan.overlapped);
    const result = requestedHold(plan.pool, request, requestId);
    tried.set(result.poolKey, result);
    const poolKey = keys.pool(result.poolKey);
    // Throws for a record of a newer xnet, which may mean more than this one knows.
    for (const entry of entries) if (entry.key === poolKey) parseRecord(poolRecord, entry);
    const writes = holdWrites(result, host, requestId);
    if (plan.action === 'join') return { result, conditions: [{ key: poolKey, is: 'present' }], writes };
    return {
      result,
      conditions: [asRead(keys.poolGuard(), guard), { key: poolKey, is: 'absent' }],
      writes: [...createPoolWrites(result), ...writes],
    };
  }

  async #findEarlier(request: PoolRequest, requestId: string): Promise<Hold | undefined> {
    for (const pool of await listPools(this.#context.store)) {
      const hold = requestedHold(pool, request, requestId);
      if (await this.#isMade(hold, requestId)) return hold;
    }
    return undefined;
  }

  /** True when this request made the hold. The cluster's is one for all requests, so it records the one that made it. */
  async #isMade(hold: Hold, requestId: string): Promise<boolean> {
    const entry = await this.#context.store.get(this.#keyOf(hold));
    if (!entry || !hold.isOfCluster) return entry !== undefined;
    return findRecord(poolReferenceRecord, entry)?.request === requestId;
  }

  /** True when a network of the cluster has the pool. A network whose record cannot be read counts as having it. */
  async #isUsed(poolKey: string): Promise<boolean> {
    const { entries } = await this.#context.store.list(keys.networks());
    return entries.some((entry) => {
      const record = findRecord(networkRecord, entry);
      return !record || record.pools.some((pool) => pool.poolKey === poolKey);
    });
  }

  async #release(hold: Hold, revision?: Revision): Promise<void> {
    await sweepHold(this.#context, hold);
    const isGone = await this.#context.transact(() => this.#attemptRelease(hold, revision));
    // An address may have been claimed after the first sweep; none can be any more.
    if (isGone) await sweepHold(this.#context, hold);
  }

  /** With `revision`, removes only a hold that still has it. The result: whether the hold is gone. */
  async #attemptRelease(hold: Hold, revision?: Revision): Promise<Attempt<boolean>> {
    const { store } = this.#context;
    const { poolKey, isOfCluster } = hold;
    const own = this.#keyOf(hold);
    const holdGuard = await store.get(keys.poolReferenceGuard(poolKey));
    const holds = (await store.list(keys.poolReferencesOf(poolKey), { once: true })).entries;
    const entry = holds.find(({ key }) => key === own);
    if (!entry) return { result: true };
    if (revision !== undefined && entry.revision !== revision) return { result: false };
    // After the guard was read: a network that takes the pool writes the guard.
    if (isOfCluster && (await this.#isUsed(poolKey))) return { result: false };
    const removal = removeHold(parseRecord(poolReferenceRecord, entry));
    const unchanged = asRead(keys.poolReferenceGuard(poolKey), holdGuard);
    const others = holds.filter(({ key }) => key !== own);
    const other = others[Math.floor(Math.random() * others.length)];
    // Two hosts that release at once, each relying on the other's hold, would leave a pool without any.
    if (other) {
      const there: Condition = { key: other.key, is: 'present' };
      return {
        result: true,
        conditions: isOfCluster ? [there, unchanged] : [there],
        writes: removal,
      };
    }
    const guard = await store.get(keys.poolGuard());
    const pools = (await store.list(keys.pools())).entries;
    for (const pool of pools) if (pool.key === keys.pool(poolKey)) parseRecord(poolRecord, pool);
    const isLast = pools.every(({ key }) => key === keys.pool(poolKey));
    return {
      result: true,
      conditions: [unchanged, asRead(keys.poolGuard(), guard)],
      writes: [...removal, ...removePoolWrites(hold, isLast)],
    };
  }

  #releaseLater(hold: Hold): void {
    this.#context.unfinished.add(hold.id, () => this.#release(hold));
  }

  #keyOf(hold: Hold): string {
    return holdKey(hold, this.#context.host);
  }

  async #overlap({ subnet }: PoolRequest, overlapped: PoolName): Promise<XnetError> {
    const holds = keys.poolReferencesOf(formatPoolKey(overlapped));
    // Only for the message: the subnet overlaps whether or not its hosts are known.
    const { entries } = await this.#context.store.list(holds, { once: true }).catch((error: unknown) => {
      if (isXnetError(error, 'STORE_UNAVAILABLE')) return { entries: [] };
      throw error;
    });
    const hosts = entries.flatMap((entry) => findRecord(poolReferenceRecord, entry)?.hostName ?? []);
    const held = hosts.length > 0 ? `, in use on ${[...new Set(hosts)].sort().join(', ')}` : '';
    return new XnetError(
      'IN_USE',
      `subnet ${subnet} overlaps ${showPool(overlapped)}${held}; ` +
        'choose another, or name the network (--ipam-opt xnet.name=NAME) to let them overlap',
      { overlapped: formatPoolKey(overlapped) },
    );
  }
}

/** What the request results in, with this pool. */
function requestedHold(pool: PoolName, request: PoolRequest, requestId: string): Hold {
  const isOfCluster = pool.space === ADDRESS_SPACES.global && !request.joinsGlobal;
  return holdOn(pool, isOfCluster ? clusterHoldId(pool) : requestId, request);
}

/** The request, moved to the global space when that has the pool. */
function inGlobalSpace(request: PoolRequest, pools: readonly PoolName[]): PoolRequest {
  const { subnet, networkName } = request;
  const isThere = pools.some(
    (pool) =>
      pool.space === ADDRESS_SPACES.global && pool.networkName === networkName && subnet?.equals(pool.subnet),
  );
  return isThere ? { ...request, space: ADDRESS_SPACES.global } : request;
}
