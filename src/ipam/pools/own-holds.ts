import { keys } from '../../model/keys.js';
import { type PoolReferenceRecord, poolReferenceRecord } from '../../model/pool.js';
import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';
import { readyInTime } from './ready-in-time.js';

/** One host's holds on pools, followed from the first call on. */
export class OwnHolds implements AsyncDisposable {
  #view: View<PoolReferenceRecord> | undefined;

  constructor(
    private readonly store: Replica,
    private readonly hostId: string,
  ) {}

  /** Without those that cannot be read. Throws STORE_UNAVAILABLE when nothing is known of them in time. */
  async list(): Promise<readonly PoolReferenceRecord[]> {
    this.#view ??= this.store.follow(keys.holdsOfHost(this.hostId), poolReferenceRecord);
    await readyInTime(this.#view, "this host's holds on pools", this.store);
    return this.#view.records;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#view?.[Symbol.asyncDispose]();
  }
}
