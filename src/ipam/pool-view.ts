import { withDeadline } from '../concurrency/deadline.js';
import { isXnetError, XnetError } from '../errors.js';
import { keys } from '../store/keys.js';
import type { Store } from '../store/store.js';
import { KnownAddresses } from './known-addresses.js';
import type { PoolReference } from './pool-id.js';

const FIRST_SNAPSHOT_MS = 5_000;
const WIDEST_SPREAD = 64;

/** One pool as this host sees it, kept current by a watch from `start` until it is disposed of. */
export class PoolView implements AsyncDisposable {
  readonly addresses: KnownAddresses;
  /** Chosen by a request of this process that is not decided yet. */
  readonly inFlight = new Set<bigint>();
  /** Pool references of this host that are in use here, by their names. */
  readonly references = new Map<string, PoolReference>();
  /** Docker's own IPAM hands out addresses of the pool on this host: the lowest that it thinks free. */
  byDocker = false;
  /** How many free addresses a choice may leap over at random; above 0 while other hosts choose the same ones. */
  spread = 0;
  readonly poolKey: string;
  readonly #store: Store;
  readonly #closing = new AbortController();
  #following: Promise<void> = Promise.resolve();
  #ready: Promise<void> = Promise.resolve();

  constructor(store: Store, poolKey: string) {
    this.#store = store;
    this.poolKey = poolKey;
    this.addresses = new KnownAddresses(poolKey);
  }

  start(): void {
    this.#ready = new Promise((resolve) => {
      this.#following = this.#follow(resolve);
    });
  }

  /** Resolves once the pool's addresses are known. Throws STORE_UNAVAILABLE when that takes too long. */
  async ready(): Promise<void> {
    try {
      await withDeadline(this.#ready, FIRST_SNAPSHOT_MS, `reading pool ${this.poolKey}`);
    } catch (error: unknown) {
      if (!isXnetError(error, 'TIMEOUT')) throw error;
      throw new XnetError(
        'STORE_UNAVAILABLE',
        `the store (${this.#store.description}) did not tell the addresses of pool ${this.poolKey} in time`,
      );
    }
  }

  /** Reads the pool anew: afterwards every commit acknowledged before the call is known. */
  async refresh(): Promise<void> {
    this.addresses.replace(await this.#store.list(keys.addressesOf(this.poolKey)));
  }

  noteRefusal(): void {
    this.spread = Math.min(WIDEST_SPREAD, Math.max(4, this.spread * 2));
  }

  noteSuccess(): void {
    this.spread = Math.max(0, this.spread - 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#following;
  }

  async #follow(ready: () => void): Promise<void> {
    for await (const batch of this.#store.watch(keys.addressesOf(this.poolKey), this.#closing.signal)) {
      if (batch.type === 'changes') this.addresses.follow(batch.changes);
      else this.addresses.replace(batch.snapshot);
      ready();
    }
    // Closed before the first snapshot: whoever waits goes on with what is known.
    ready();
  }
}
