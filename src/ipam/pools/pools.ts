/**
 * Pools and this host's references to them.
 *
 * A pool exists while any host has a reference to it. Its creation and its removal are conditional on the revision of
 * the pool guard, so that no subnet is chosen by an outdated list. The removal of its last reference is conditional on
 * the revision of the reference guard, so that no reference is added in between.
 */
import { isXnetError, XnetError } from '../../errors.js';
import { keys } from '../../model/keys.js';
import { networkRecord } from '../../model/network.js';
import { poolRecord, poolReferenceRecord } from '../../model/pool.js';
import { findRecord, parseRecord } from '../../model/record.js';
import type { Condition, Revision } from '../../store/store.js';
import { type Attempt, asRead, transact } from '../../store/transact.js';
import { ADDRESS_SPACES } from '../address-space.js';
import { clusterReference, isClusterHold } from '../cluster-hold.js';
import type { IpamContext } from '../ipam-context.js';
import { newRequest, type PoolReference, type Request } from '../pool-id.js';
import { formatPoolKey, type PoolName, showPool } from '../pool-name.js';
import type { DefaultPool } from './free-subnet.js';
import { type PoolRequest, planPool } from './plan-pool.js';
import {
  createPoolWrites,
  listPools,
  referenceKey,
  referenceWrites,
  removePoolWrites,
} from './pool-entries.js';
import { sweepReference } from './sweep-reference.js';

export class Pools {
  readonly #context: IpamContext;
  readonly #defaults: readonly DefaultPool[];

  constructor(context: IpamContext, defaults: readonly DefaultPool[]) {
    this.#context = context;
    this.#defaults = defaults;
  }

  /**
   * Creates a reference to a pool, and the pool if there is none. A repeated request finds the reference that it
   * created before. Throws as planPool, IN_USE, and INTERNAL for a pool whose record cannot be read.
   */
  async request(
    request: PoolRequest,
    { id: reference, repeated }: Request = newRequest(),
  ): Promise<PoolReference> {
    const tried = new Map<string, PoolReference>();
    try {
      const { store, transactions } = this.#context;
      const earlier = repeated ? await this.#findEarlier(request, reference) : undefined;
      if (earlier) return earlier;
      return await transact(store, () => this.#attemptRequest(request, reference, tried), transactions);
    } catch (error: unknown) {
      if (isXnetError(error) && error.fields.outcome === 'unknown') {
        // Other managers may use the cluster's hold, so it stays; the next request for it finds it or creates it.
        for (const pool of tried.values()) if (!isClusterHold(pool)) this.#releaseLater(pool);
      }
      throw error;
    }
  }

  /**
   * Removes the reference and the addresses that it alone holds; with the last reference of all hosts it removes the
   * pool and everything in it. An address that an endpoint holds without a reference (Docker's own IPAM chose it)
   * stays. Idempotent, also for a reference that never was. The cluster's hold stays while a network has the pool: a
   * manager rolls back the creation of a second network with the first one's subnet. Throws INTERNAL for what a newer
   * xnet wrote, which stays.
   */
  async release(pool: PoolReference): Promise<void> {
    if (isClusterHold(pool) && (await this.#isUsed(formatPoolKey(pool)))) return;
    try {
      await this.#release(pool);
    } catch (error: unknown) {
      // Docker does not ask again.
      if (isXnetError(error, 'STORE_UNAVAILABLE', 'STORE_CONFLICT')) this.#releaseLater(pool);
      throw error;
    } finally {
      await this.#context.views.close(pool);
    }
  }

  /**
   * As `release`, for a cluster's hold that nobody has requested since its reference had this revision. Throws the
   * store's errors; a failed release is not done later.
   */
  async releaseAbandoned(pool: PoolReference, revision: Revision): Promise<void> {
    const reference = await this.#context.store.get(this.#referenceKey(pool));
    if (reference?.revision !== revision || (await this.#isUsed(formatPoolKey(pool)))) return;
    await this.#release(pool, revision);
  }

  async #attemptRequest(
    request: PoolRequest,
    reference: string,
    tried: Map<string, PoolReference>,
  ): Promise<Attempt<PoolReference>> {
    const { store, host, records } = this.#context;
    for (const earlier of tried.values()) {
      if (await this.#isMade(earlier, reference)) return { result: earlier };
    }
    // The guard first: a list read after it is at least as new.
    const guard = await store.get(keys.poolGuard());
    const { entries } = await store.list(keys.pools());
    records.read(poolRecord, keys.pools(), entries);
    const pools = listPools(entries);
    const resolved = request.joinsGlobal ? inGlobalSpace(request, pools) : request;
    const plan = planPool(resolved, pools, this.#defaults);
    if (plan.action === 'refuse') throw await this.#overlap(request, plan.overlapped);
    const result = referenceTo(plan.pool, request, reference);
    tried.set(formatPoolKey(plan.pool), result);
    const poolKey = keys.pool(formatPoolKey(plan.pool));
    // Throws for a record of a newer xnet, which may mean more than this one knows.
    for (const entry of entries) if (entry.key === poolKey) parseRecord(poolRecord, entry);
    return plan.action === 'join'
      ? {
          result,
          conditions: [{ key: poolKey, is: 'present' }],
          writes: referenceWrites(result, host, reference),
        }
      : {
          result,
          conditions: [asRead(keys.poolGuard(), guard), { key: poolKey, is: 'absent' }],
          writes: [...createPoolWrites(result), ...referenceWrites(result, host, reference)],
        };
  }

  async #findEarlier(request: PoolRequest, reference: string): Promise<PoolReference | undefined> {
    const { store } = this.#context;
    for (const name of listPools((await store.list(keys.pools())).entries)) {
      const pool = referenceTo(name, request, reference);
      if (await this.#isMade(pool, reference)) return pool;
    }
    return undefined;
  }

  /**
   * True when this request made the reference. The cluster's hold has one reference for all requests, so it records the
   * one that made it.
   */
  async #isMade(pool: PoolReference, request: string): Promise<boolean> {
    const entry = await this.#context.store.get(this.#referenceKey(pool));
    if (!entry || !isClusterHold(pool)) return entry !== undefined;
    return findRecord(poolReferenceRecord, entry)?.request === request;
  }

  /** True when a network of the cluster has the pool. A network whose record cannot be read counts as having it. */
  async #isUsed(poolKey: string): Promise<boolean> {
    const { entries } = await this.#context.store.list(keys.networks());
    return entries.some((entry) => {
      const record = findRecord(networkRecord, entry);
      return !record || record.pools.some((pool) => pool.poolKey === poolKey);
    });
  }

  async #release(pool: PoolReference, revision?: Revision): Promise<void> {
    await sweepReference(this.#context, pool);
    const { store, transactions } = this.#context;
    const isGone = await transact(store, () => this.#attemptRelease(pool, revision), transactions);
    // An address may have been claimed after the first sweep; none can be any more.
    if (isGone) await sweepReference(this.#context, pool);
  }

  /** With `revision`, removes only a reference that still has it. The result: whether the reference is gone. */
  async #attemptRelease(pool: PoolReference, revision?: Revision): Promise<Attempt<boolean>> {
    const { store } = this.#context;
    const poolKey = formatPoolKey(pool);
    const own = this.#referenceKey(pool);
    const referenceGuard = await store.get(keys.poolReferenceGuard(poolKey));
    const references = (await store.list(keys.poolReferencesOf(poolKey))).entries;
    const reference = references.find(({ key }) => key === own);
    if (!reference) return { result: true };
    if (revision !== undefined && reference.revision !== revision) return { result: false };
    // After the guard was read: a network that takes the pool writes the guard.
    if (isClusterHold(pool) && (await this.#isUsed(poolKey))) return { result: false };
    parseRecord(poolReferenceRecord, reference);
    const others = references.filter(({ key }) => key !== own);
    const other = others[Math.floor(Math.random() * others.length)];
    // Two hosts that release at once, each relying on the other's reference, would leave a pool without any.
    if (other) {
      const conditions: Condition[] = [{ key: other.key, is: 'present' }];
      if (isClusterHold(pool)) conditions.push(asRead(keys.poolReferenceGuard(poolKey), referenceGuard));
      return { result: true, conditions, writes: [{ remove: own }] };
    }
    const guard = await store.get(keys.poolGuard());
    const pools = (await store.list(keys.pools())).entries;
    for (const entry of pools) if (entry.key === keys.pool(poolKey)) parseRecord(poolRecord, entry);
    const isLast = pools.every(({ key }) => key === keys.pool(poolKey));
    return {
      result: true,
      conditions: [asRead(keys.poolReferenceGuard(poolKey), referenceGuard), asRead(keys.poolGuard(), guard)],
      writes: [{ remove: own }, ...removePoolWrites(pool, isLast)],
    };
  }

  #releaseLater(pool: PoolReference): void {
    this.#context.unfinished.add(pool.reference, () => this.#release(pool));
  }

  #referenceKey(pool: PoolReference): string {
    return referenceKey(pool, this.#context.host);
  }

  async #overlap({ subnet }: PoolRequest, overlapped: PoolName): Promise<XnetError> {
    const { entries } = await this.#context.store.list(keys.poolReferencesOf(formatPoolKey(overlapped)));
    const hosts = entries.flatMap((entry) => findRecord(poolReferenceRecord, entry)?.hostName ?? []);
    const held = hosts.length > 0 ? `, in use on ${[...new Set(hosts)].join(', ')}` : '';
    return new XnetError(
      'IN_USE',
      `subnet ${subnet} overlaps ${showPool(overlapped)}${held}; ` +
        'choose another, or name the network (--ipam-opt xnet.name=NAME) to let them overlap',
      { overlapped: formatPoolKey(overlapped) },
    );
  }
}

function referenceTo(
  pool: PoolName,
  { range, highestFirst, joinsGlobal }: PoolRequest,
  reference: string,
): PoolReference {
  const isClusters = pool.space === ADDRESS_SPACES.global && !joinsGlobal;
  return {
    ...pool,
    ...(range ? { range } : {}),
    ...(highestFirst ? { highestFirst } : {}),
    reference: isClusters ? clusterReference(pool) : reference,
  };
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
