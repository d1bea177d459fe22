import { withDeadline } from '../../concurrency/deadline.js';
import { isXnetError, XnetError } from '../../errors.js';
import { keys } from '../../store/keys.js';
import type { RecordReader } from '../../store/record-reader.js';
import { addressRecord } from '../../store/records.js';
import type { Snapshot, Store } from '../../store/store.js';
import type { PoolReference } from '../pool-id.js';
import { KnownAddresses } from './known-addresses.js';

const FIRST_SNAPSHOT_MS = 4_500;
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
  readonly #records: RecordReader;
  readonly #closing = new AbortController();
  #following: Promise<void> = Promise.resolve();
  #ready: Promise<void> = Promise.resolve();

  constructor(store: Store, poolKey: string, records: RecordReader) {
    this.#store = store;
    this.poolKey = poolKey;
    this.#records = records;
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
    const { newest } = this.addresses;
    const snapshot = await this.#store.list(keys.addressesOf(this.poolKey));
    // The store was put back to a backup: what is known of later revisions never was.
    if (snapshot.revision < newest) this.addresses.forget();
    this.addresses.replace(snapshot);
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
    const prefix = keys.addressesOf(this.poolKey);
    for await (const batch of this.#store.watch(prefix, this.#closing.signal)) {
      if (batch.type === 'changes') this.addresses.follow(batch.changes);
      else await this.#takeSnapshot(batch.snapshot);
      this.#records.read(addressRecord, prefix, this.addresses.unreadable);
      ready();
    }
    this.#records.forget(prefix);
    // Closed before the first snapshot: whoever waits goes on with what is known.
    ready();
  }

  /** One that is older than what is known was listed before that, or after the store was put back: a list tells. */
  async #takeSnapshot(snapshot: Snapshot): Promise<void> {
    const isOld = snapshot.revision < this.addresses.newest;
    this.addresses.replace(snapshot);
    // When that fails, the watch is about to fail too, and begins with another snapshot.
    if (isOld) await this.refresh().catch(() => undefined);
  }
}
