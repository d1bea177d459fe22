/**
 * What a leader of swarm's managers held when it failed, and swarm does not know. A manager that takes over requests
 * again every pool, and every address, that swarm knows to be assigned. What its predecessor requested, or failed to
 * release, just before it failed would be held for ever: an address, or the pool of a network that was never created.
 * It is given back some time after. What is kept in memory here only says what to give back; when it is lost, or the
 * store does not accept it then, the next takeover does it.
 */
import { IpAddress } from '../inet/ip-address.js';
import { isHeldByCluster, parseAddressKey } from '../model/address.js';
import { keys } from '../model/keys.js';
import { parsePoolKey } from '../model/pool.js';
import type { Revision } from '../store/store.js';
import { findAddress } from './address-entry.js';
import { releaseClaim } from './addresses/release-address.js';
import { clusterHold, type Hold } from './hold.js';
import type { IpamContext } from './ipam-context.js';
import type { Pools } from './pools/pools.js';

/** Managers request all within seconds, and what was refused again within minutes. */
const TAKEOVER_MS = 300_000;

/**
 * A leader requests all pools in one go. Those requested this long before its first network of ours count, too: that
 * network may be among the last.
 */
const BEFORE_MS = 60_000;

export class Takeovers implements Disposable {
  readonly #context: IpamContext;
  readonly #pools: Pools;
  readonly #graceMs: number;
  /** Of the addresses of a pool, by its key; `requested`: addresses that were requested since. */
  readonly #addressTakeovers = new Map<string, { timer: NodeJS.Timeout; requested: Set<string> }>();
  #poolTakeovers: { readonly timer: NodeJS.Timeout; readonly begunAt: number } | undefined;
  /** Pool key -> when a manager last requested it from this daemon. */
  readonly #requestedAt = new Map<string, number>();

  constructor(context: IpamContext, pools: Pools, takeoverMs = TAKEOVER_MS) {
    this.#context = context;
    this.#pools = pools;
    this.#graceMs = takeoverMs;
  }

  /**
   * A manager has requested again the network with this pool; it requests the addresses next, and all other networks
   * at about this time.
   */
  begin(poolKey: string): void {
    this.#beginAddresses(poolKey);
    if (this.#poolTakeovers) this.#poolTakeovers.timer.refresh();
    else this.#beginPools();
  }

  /** A manager has requested the pool, again or for the first time. Nothing else than the cluster's hold counts. */
  notePool({ poolKey, isOfCluster }: Hold): void {
    if (!isOfCluster) return;
    const now = performance.now();
    this.#requestedAt.delete(poolKey);
    this.#requestedAt.set(poolKey, now);
    const since = (this.#poolTakeovers?.begunAt ?? now) - BEFORE_MS;
    for (const [key, at] of this.#requestedAt) {
      if (at >= since) break;
      this.#requestedAt.delete(key);
    }
  }

  /** A manager has requested the address, or has just been given it. Nothing else than the cluster's hold counts. */
  noteAddress({ poolKey, isOfCluster }: Hold, address: IpAddress): void {
    if (isOfCluster) this.#addressTakeovers.get(poolKey)?.requested.add(`${address}`);
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#addressTakeovers.values()) clearTimeout(timer);
    this.#addressTakeovers.clear();
    clearTimeout(this.#poolTakeovers?.timer);
    this.#poolTakeovers = undefined;
  }

  #beginAddresses(poolKey: string): void {
    clearTimeout(this.#addressTakeovers.get(poolKey)?.timer);
    const hold = clusterHold(parsePoolKey(poolKey));
    const requested = new Set<string>();
    const given = this.#listGiven(hold).catch(() => new Map<string, string>());
    const giveBack = async () => {
      this.#addressTakeovers.delete(poolKey);
      for (const [text, claim] of await given) {
        if (requested.has(text)) continue;
        await releaseClaim(this.#context, hold, IpAddress.parse(text), claim).catch(() => undefined);
      }
    };
    const timer = setTimeout(() => void giveBack(), this.#graceMs).unref();
    this.#addressTakeovers.set(poolKey, { timer, requested });
  }

  #beginPools(): void {
    const begunAt = performance.now();
    const held = this.#pools.listGlobalHolds().catch(() => new Map<string, Revision>());
    const giveBack = async () => {
      this.#poolTakeovers = undefined;
      for (const [poolKey, revision] of await held) {
        if ((this.#requestedAt.get(poolKey) ?? Number.NEGATIVE_INFINITY) >= begunAt - BEFORE_MS) continue;
        const hold = clusterHold(parsePoolKey(poolKey));
        await this.#pools.releaseAbandoned(hold, revision).catch(() => undefined);
      }
    };
    // Swarm repeats refused requests every five minutes.
    const timer = setTimeout(() => void giveBack(), 2 * this.#graceMs).unref();
    this.#poolTakeovers = { timer, begunAt };
  }

  /** Address -> claim, of those that the cluster has given out. */
  async #listGiven({ poolKey, id }: Hold): Promise<ReadonlyMap<string, string>> {
    const { entries } = await this.#context.store.list(keys.addressesOf(poolKey));
    return new Map(
      entries.flatMap((entry) => {
        const record = findAddress(entry)?.record;
        const isGiven = record && isHeldByCluster(record) && record.references.includes(id);
        return isGiven ? [[parseAddressKey(entry.key)?.address ?? '', record.claim] as const] : [];
      }),
    );
  }
}
