import { type AddressRecord, formatRecord } from '../store/records.js';
import type { Lease, Store, Write } from '../store/store.js';

/** Releases within this time share a lease, and so end their rest together. */
const SHARED_SECONDS = 10;

/**
 * How a released address rests: under a lease that nobody renews, so that it becomes free by itself,
 * `restSeconds` after its release at the earliest and a few seconds later at the latest.
 */
export class RestLeases {
  readonly #store: Store;
  readonly #restSeconds: number;
  readonly #nowMs: () => number;
  #current: { readonly lease: Promise<Lease>; readonly endMs: number } | undefined;

  /** `restSeconds` 0: released addresses are free at once. */
  constructor(store: Store, restSeconds: number, nowMs: () => number) {
    this.#store = store;
    this.#restSeconds = restSeconds;
    this.#nowMs = nowMs;
  }

  /** The write that puts the address under `key` to rest. Throws STORE_UNAVAILABLE. */
  async restWrite(key: string, record: AddressRecord): Promise<Write> {
    if (this.#restSeconds === 0) return { remove: key };
    const { version, hostId, hostName, claim, purpose, container } = record;
    const resting: AddressRecord = {
      ...{ version, state: 'resting', hostId, hostName, claim, references: [], purpose },
      ...(container === undefined ? {} : { container }),
    };
    return { put: key, value: formatRecord(resting), lease: await this.#lease() };
  }

  /** To be called when a write that rests was refused: the store may have lost the lease. Says if there was one. */
  forget(): boolean {
    const had = this.#current !== undefined;
    this.#current = undefined;
    return had;
  }

  #lease(): Promise<Lease> {
    if (this.#current && this.#nowMs() < this.#current.endMs) return this.#current.lease;
    const shared = Math.min(SHARED_SECONDS, this.#restSeconds);
    const lease = this.#store.grantLease({ ttlSeconds: this.#restSeconds + shared, keepAlive: false });
    const current = { lease, endMs: this.#nowMs() + shared * 1000 };
    this.#current = current;
    lease.catch(() => {
      if (this.#current === current) this.#current = undefined;
    });
    return lease;
  }
}
