import { type AddressRecord, parseAddressKey, reserved, resting } from '../../model/address.js';
import type { Lease, Store, Write } from '../../store/store.js';
import { putAddress } from '../address-entry.js';
import { randomToken } from '../hold.js';

/** Releases within this time share a lease, and so end their rest together. */
const SHARED_SECONDS = 10;

/**
 * How a released address rests: under a lease that nobody renews, so that it becomes free by itself, `restSeconds`
 * after its release at the earliest and a few seconds later at the latest.
 *
 * While the store is away the address goes to this host's reserve instead, where no other host can take it. Any host
 * may take a resting address, and this host could not see that.
 */
export class RestLeases {
  readonly #store: Store;
  readonly #restSeconds: number;
  readonly #kept = new Set<string>();
  #current: { readonly lease: Promise<Lease>; readonly endMs: number } | undefined;

  /** `restSeconds` 0: released addresses are free at once. */
  constructor(store: Store, restSeconds = 60) {
    this.#store = store;
    this.#restSeconds = restSeconds;
  }

  /** The write that puts the address under `key` to rest. Throws STORE_UNAVAILABLE. */
  async restWrite(key: string, record: AddressRecord): Promise<Write> {
    if (this.#restSeconds === 0 && !this.#store.away) return { remove: key };
    const lease = this.#store.away ? undefined : await this.#leaseUnlessAway();
    // Checked again: the store may have gone away since the lease was granted.
    if (!lease || this.#store.away) return this.keepWrite(key, record);
    return { ...putAddress(key, resting(record)), lease };
  }

  /** Addresses have been put in reserve since the last `takeKept`. */
  get hasKept(): boolean {
    return this.#kept.size > 0;
  }

  /** Keys of the pools of which addresses have been put in reserve since the last call. */
  takeKept(): string[] {
    const kept = [...this.#kept];
    this.#kept.clear();
    return kept;
  }

  /**
   * To be called when a write with the lease was refused: the store may have lost it. Returns whether there was a
   * lease.
   */
  forget(): boolean {
    const had = this.#current !== undefined;
    this.#current = undefined;
    return had;
  }

  /** The write that puts the address under `key` into this host's reserve. */
  keepWrite(key: string, record: AddressRecord): Write {
    this.#kept.add(parseAddressKey(key)?.poolKey ?? '');
    return putAddress(key, reserved(record, randomToken(), record.references));
  }

  /** Undefined when the store turns out to be away. */
  async #leaseUnlessAway(): Promise<Lease | undefined> {
    try {
      return await this.#lease();
    } catch (error: unknown) {
      if (this.#store.away) return undefined;
      throw error;
    }
  }

  #lease(): Promise<Lease> {
    if (this.#current && performance.now() < this.#current.endMs) return this.#current.lease;
    const shared = Math.min(SHARED_SECONDS, this.#restSeconds);
    const lease = this.#store.grantLease({ ttlSeconds: this.#restSeconds + shared, keepAlive: false });
    const current = { lease, endMs: performance.now() + shared * 1000 };
    this.#current = current;
    lease.catch(() => {
      if (this.#current === current) this.#current = undefined;
    });
    return lease;
  }
}
