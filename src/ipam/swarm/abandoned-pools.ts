/**
 * Pools that a leader of swarm's managers requested just before it failed, for a network that was never created:
 * neither swarm's store nor ours has it. The next leader requests again all pools that swarm knows; those that it does
 * not request are given back some time after. What is kept in memory here only says what to give back; when it is lost,
 * the next takeover does it.
 */
import { keys } from '../../model/keys.js';
import type { Revision } from '../../store/store.js';
import { ADDRESS_SPACES } from '../address-space.js';
import { clusterHold } from '../cluster-hold.js';
import type { IpamContext } from '../ipam-context.js';
import { formatPoolKey, parsePoolKey } from '../pool-name.js';
import { listPools, referenceKey } from '../pools/pool-entries.js';
import type { Pools } from '../pools/pools.js';
import { TAKEOVER_MS } from './takeovers.js';

/**
 * A leader requests all pools in one go. Those requested this long before its first network of ours count, too: that
 * network may be among the last.
 */
const BEFORE_MS = 60_000;

interface Takeover {
  readonly timer: NodeJS.Timeout;
  readonly begunAt: number;
  /** Pool key -> revision of the cluster's hold, at its beginning. */
  readonly former: Promise<ReadonlyMap<string, Revision>>;
}

export class AbandonedPools implements Disposable {
  readonly #context: IpamContext;
  readonly #pools: Pools;
  readonly #graceMs: number;
  /** Pool key -> when a manager last requested it from this daemon. */
  readonly #requestedAt = new Map<string, number>();
  #takeover: Takeover | undefined;

  constructor(context: IpamContext, pools: Pools, takeoverMs = TAKEOVER_MS) {
    this.#context = context;
    this.#pools = pools;
    // Swarm repeats refused requests every five minutes.
    this.#graceMs = 2 * takeoverMs;
  }

  /** A manager has requested the pool, again or for the first time. */
  noteRequested(poolKey: string): void {
    const now = performance.now();
    this.#requestedAt.delete(poolKey);
    this.#requestedAt.set(poolKey, now);
    const since = (this.#takeover?.begunAt ?? now) - BEFORE_MS;
    for (const [key, at] of this.#requestedAt) {
      if (at >= since) break;
      this.#requestedAt.delete(key);
    }
  }

  /** A manager has taken over a network; it takes over all others at about this time. */
  begin(): void {
    clearTimeout(this.#takeover?.timer);
    const timer = setTimeout(() => void this.#end(), this.#graceMs);
    timer.unref();
    const { begunAt, former } = this.#takeover ?? { begunAt: performance.now(), former: this.#listHolds() };
    // `#end` handles a failure.
    former.catch(() => undefined);
    this.#takeover = { timer, begunAt, former };
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#takeover?.timer);
    this.#takeover = undefined;
  }

  async #listHolds(): Promise<ReadonlyMap<string, Revision>> {
    const { store, host } = this.#context;
    const pools = listPools((await store.list(keys.pools())).entries);
    const global = pools.filter(({ space }) => space === ADDRESS_SPACES.global);
    const holds = await Promise.all(
      global.map(async (pool) => {
        const entry = await store.get(referenceKey(clusterHold(pool), host));
        return entry ? [[formatPoolKey(pool), entry.revision] as const] : [];
      }),
    );
    return new Map(holds.flat());
  }

  /** What the store does not accept now is left to the next takeover. */
  async #end(): Promise<void> {
    const takeover = this.#takeover;
    this.#takeover = undefined;
    if (!takeover) return;
    const former = await takeover.former.catch(() => new Map<string, Revision>());
    for (const [poolKey, revision] of former) {
      if ((this.#requestedAt.get(poolKey) ?? Number.NEGATIVE_INFINITY) >= takeover.begunAt - BEFORE_MS)
        continue;
      await this.#pools.releaseAbandoned(clusterHold(parsePoolKey(poolKey)), revision).catch(() => undefined);
    }
  }
}
