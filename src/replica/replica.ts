/**
 * src/replica: what this host knows of the cluster: views of the prefixes that it needs, each kept up by one watch. A view
 * says how fresh it is, and has a record read once. What is known of a key never goes back, unless the store did.
 *
 * Not in here: what a change means. How to go on without the store is src/store/outage/.
 *
 * It is a store itself, and what the host commits goes through it: a commit is in the views before it resolves, so whoever
 * reads a view sees the host's own writes; so is what was found in place of what was to be committed. After a commit of
 * unknown fate its keys are not certain until they change. What is read past the views (`get`, `list`) is not taken in.
 */
import type { z } from 'zod';
import { parseRecord } from '../model/record.js';
import type { RecordReader } from '../store/record-reader.js';
import type {
  CommitResult,
  Condition,
  Entry,
  Lease,
  LeaseOptions,
  Snapshot,
  Store,
  WatchBatch,
  Write,
} from '../store/store.js';
import { type Read, View } from './view.js';

export class Replica implements Store {
  readonly #store: Store;
  readonly #records: RecordReader;
  readonly #views = new Set<Pick<View<unknown>, 'learn' | 'doubt' | typeof Symbol.asyncDispose>>();

  /** `records` notes those that cannot be read. The store is the caller's to close. */
  constructor(store: Store, records: RecordReader) {
    this.#store = store;
    this.#records = records;
  }

  /** The records under `prefix` with the keys that are wanted, from now until the view is closed. */
  follow<T>(prefix: string, schema: z.ZodType<T>, isWanted: (key: string) => boolean = () => true): View<T> {
    return this.#open(prefix, (entry) => parseRecord(schema, entry), isWanted);
  }

  /** The values under `prefix`, of keys that have no records. */
  followValues(prefix: string): View<string> {
    return this.#open(
      prefix,
      ({ value }) => value,
      () => true,
    );
  }

  /** As of the store; and seen by all views when it resolves. */
  async commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    try {
      const result = await this.#store.commit(conditions, writes);
      for (const view of this.#views) view.learn(conditions, writes, result);
      return result;
    } catch (error: unknown) {
      for (const view of this.#views) view.doubt(writes);
      throw error;
    }
  }

  get description(): string {
    return this.#store.description;
  }

  get away(): boolean {
    return this.#store.away;
  }

  get problem(): string | undefined {
    return this.#store.problem;
  }

  get awaySince(): Date | undefined {
    return this.#store.awaySince;
  }

  get diskProblem(): string | undefined {
    return this.#store.diskProblem;
  }

  recall(prefix: string): readonly Entry[] | undefined {
    return this.#store.recall?.(prefix);
  }

  get(key: string, options?: { readonly fresh?: boolean }): Promise<Entry | undefined> {
    return this.#store.get(key, options);
  }

  list(prefix: string): Promise<Snapshot> {
    return this.#store.list(prefix);
  }

  watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchBatch> {
    return this.#store.watch(prefix, signal);
  }

  grantLease(options: LeaseOptions): Promise<Lease> {
    return this.#store.grantLease(options);
  }

  reconnect(): void {
    this.#store.reconnect?.();
  }

  /** The views end with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#views].map((view) => view[Symbol.asyncDispose]()));
  }

  #open<T>(prefix: string, read: Read<T>, isWanted: (key: string) => boolean): View<T> {
    const onClosed = () => this.#views.delete(view);
    const parts = { store: this.#store, prefix, read, records: this.#records, isWanted, onClosed };
    const view: View<T> = new View(parts);
    this.#views.add(view);
    return view;
  }
}
