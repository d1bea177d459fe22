/**
 * A manager of swarm's that takes over requests again every address that swarm knows to be assigned. An address that
 * its predecessor requested, or failed to release, just before it failed is unknown to swarm, and would be held for
 * ever: it is given back some time after. What is kept in memory here only says what to give back; when it is lost, the
 * next takeover does it.
 */
import { IpAddress } from '../../inet/ip-address.js';
import { addressRecord, isHeldByCluster, parseAddressKey } from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { findRecord } from '../../model/record.js';
import { releaseClaim } from '../addresses/release-address.js';
import { clusterHold, clusterReference } from '../cluster-hold.js';
import type { IpamContext } from '../ipam-context.js';
import { parsePoolKey } from '../pool-name.js';

/** Managers request all within seconds, and what was refused again within minutes. */
export const TAKEOVER_MS = 300_000;

interface Takeover {
  readonly timer: NodeJS.Timeout;
  /** Addresses that were requested since. */
  readonly confirmed: Set<string>;
  /** Address -> claim, for those that were held at the beginning. */
  readonly former: Promise<ReadonlyMap<string, string>>;
}

export class Takeovers implements Disposable {
  readonly #context: IpamContext;
  readonly #graceMs: number;
  /** By pool key. */
  readonly #takeovers = new Map<string, Takeover>();

  constructor(context: IpamContext, graceMs = TAKEOVER_MS) {
    this.#context = context;
    this.#graceMs = graceMs;
  }

  /** A manager has requested again the network with this pool; it requests the addresses next. */
  begin(poolKey: string): void {
    clearTimeout(this.#takeovers.get(poolKey)?.timer);
    const former = this.#listGiven(poolKey);
    // `#end` handles a failure.
    former.catch(() => undefined);
    const timer = setTimeout(() => void this.#end(poolKey), this.#graceMs);
    timer.unref();
    this.#takeovers.set(poolKey, { timer, confirmed: new Set(), former });
  }

  /** A manager has requested the address, or has just been given it. */
  confirm(poolKey: string, address: IpAddress): void {
    this.#takeovers.get(poolKey)?.confirmed.add(`${address}`);
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#takeovers.values()) clearTimeout(timer);
    this.#takeovers.clear();
  }

  async #listGiven(poolKey: string): Promise<ReadonlyMap<string, string>> {
    const { entries } = await this.#context.store.list(keys.addressesOf(poolKey));
    const reference = clusterReference(parsePoolKey(poolKey));
    return new Map(
      entries.flatMap((entry) => {
        const record = findRecord(addressRecord, entry);
        const isGiven = record && isHeldByCluster(record) && record.references.includes(reference);
        return isGiven ? [[parseAddressKey(entry.key)?.address ?? '', record.claim] as const] : [];
      }),
    );
  }

  /** What the store does not accept now is left to the next takeover. */
  async #end(poolKey: string): Promise<void> {
    const takeover = this.#takeovers.get(poolKey);
    this.#takeovers.delete(poolKey);
    if (!takeover) return;
    const pool = clusterHold(parsePoolKey(poolKey));
    const former = await takeover.former.catch(() => new Map<string, string>());
    for (const [address, claim] of former) {
      if (takeover.confirmed.has(address)) continue;
      await releaseClaim(this.#context, pool, IpAddress.parse(address), claim).catch(() => undefined);
    }
  }
}
