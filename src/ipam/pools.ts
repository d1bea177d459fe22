/**
 * Pools and this host's references to them.
 *
 * A pool lives as long as one reference, on whatever host. Whoever creates or removes a pool does so by the
 * revision of the pool guard, so nobody chooses a subnet by an old list; whoever removes the last reference does
 * so by the revision of the reference guard, so no reference can come in between.
 */
import { isXnetError, XnetError } from '../errors.js';
import { keys } from '../store/keys.js';
import { findRecord, parseRecord, poolRecord, poolReferenceRecord } from '../store/records.js';
import { type Attempt, asRead, transact } from '../store/transact.js';
import type { DefaultPool } from './free-subnet.js';
import type { IpamContext } from './ipam-context.js';
import { type PoolRequest, planPool } from './plan-pool.js';
import { createPoolWrites, listPools, referenceWrites, removePoolWrites } from './pool-entries.js';
import { newRequest, type PoolReference, type Request } from './pool-id.js';
import { formatPoolKey, type PoolName, showPool } from './pool-name.js';
import { sweepReference } from './sweep-reference.js';

export class Pools {
  readonly #context: IpamContext;
  readonly #defaults: readonly DefaultPool[];

  constructor(context: IpamContext, defaults: readonly DefaultPool[]) {
    this.#context = context;
    this.#defaults = defaults;
  }

  /**
   * Makes a new reference to a pool, and the pool where it is not there yet; a repeated request finds the one it
   * made before. Throws as planPool, IN_USE, and INTERNAL for a pool whose record cannot be read.
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
        for (const pool of tried.values()) this.#releaseLater(pool);
      }
      throw error;
    }
  }

  /**
   * Removes the reference and the addresses that it alone holds; with the last one of all hosts the pool and
   * everything in it. An address that an endpoint holds without a reference (Docker's own IPAM chose it) stays.
   * Idempotent, also for a reference that never was. Throws INTERNAL for what a newer xnet wrote, which stays.
   */
  async release(pool: PoolReference): Promise<void> {
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

  async #attemptRequest(
    request: PoolRequest,
    reference: string,
    tried: Map<string, PoolReference>,
  ): Promise<Attempt<PoolReference>> {
    const { store, host, records } = this.#context;
    for (const earlier of tried.values()) {
      if (await store.get(this.#referenceKey(earlier))) return { result: earlier };
    }
    // The guard first: a list read after it is at least as new.
    const guard = await store.get(keys.poolGuard());
    const { entries } = await store.list(keys.pools());
    records.read(poolRecord, keys.pools(), entries);
    const plan = planPool(request, listPools(entries), this.#defaults);
    if (plan.action === 'refuse') throw await this.#overlap(request, plan.overlapped);
    const result = referenceTo(plan.pool, request, reference);
    tried.set(formatPoolKey(plan.pool), result);
    const poolKey = keys.pool(formatPoolKey(plan.pool));
    // A newer xnet's may mean more than this one knows.
    for (const entry of entries) if (entry.key === poolKey) parseRecord(poolRecord, entry);
    return plan.action === 'join'
      ? { result, conditions: [{ key: poolKey, is: 'present' }], writes: referenceWrites(result, host) }
      : {
          result,
          conditions: [asRead(keys.poolGuard(), guard), { key: poolKey, is: 'absent' }],
          writes: [...createPoolWrites(result), ...referenceWrites(result, host)],
        };
  }

  async #findEarlier(request: PoolRequest, reference: string): Promise<PoolReference | undefined> {
    const { store } = this.#context;
    for (const name of listPools((await store.list(keys.pools())).entries)) {
      const pool = referenceTo(name, request, reference);
      if (await store.get(this.#referenceKey(pool))) return pool;
    }
    return undefined;
  }

  async #release(pool: PoolReference): Promise<void> {
    await sweepReference(this.#context, pool);
    const { store, transactions } = this.#context;
    await transact(store, () => this.#attemptRelease(pool), transactions);
    // An address may have been claimed after the first sweep; none can be any more.
    await sweepReference(this.#context, pool);
  }

  async #attemptRelease(pool: PoolReference): Promise<Attempt<void>> {
    const { store } = this.#context;
    const poolKey = formatPoolKey(pool);
    const result = undefined;
    const own = this.#referenceKey(pool);
    const referenceGuard = await store.get(keys.poolReferenceGuard(poolKey));
    const references = (await store.list(keys.poolReferencesOf(poolKey))).entries;
    const reference = references.find(({ key }) => key === own);
    if (!reference) return { result };
    parseRecord(poolReferenceRecord, reference);
    const others = references.filter(({ key }) => key !== own);
    const other = others[Math.floor(Math.random() * others.length)];
    // Two that leave at once, each seeing the other stay, would leave the pool to nobody.
    if (other) return { result, conditions: [{ key: other.key, is: 'present' }], writes: [{ remove: own }] };
    const guard = await store.get(keys.poolGuard());
    const pools = (await store.list(keys.pools())).entries;
    for (const entry of pools) if (entry.key === keys.pool(poolKey)) parseRecord(poolRecord, entry);
    const isLast = pools.every(({ key }) => key === keys.pool(poolKey));
    return {
      result,
      conditions: [asRead(keys.poolReferenceGuard(poolKey), referenceGuard), asRead(keys.poolGuard(), guard)],
      writes: [{ remove: own }, ...removePoolWrites(pool, isLast)],
    };
  }

  #releaseLater(pool: PoolReference): void {
    this.#context.unfinished.add(pool.reference, () => this.#release(pool));
  }

  #referenceKey(pool: PoolReference): string {
    return keys.poolReference(formatPoolKey(pool), this.#context.host.id, pool.reference);
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

function referenceTo(pool: PoolName, { range, fromTop }: PoolRequest, reference: string): PoolReference {
  return { ...pool, ...(range ? { range } : {}), ...(fromTop ? { fromTop } : {}), reference };
}
