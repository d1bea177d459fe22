/**
 * src/replica: what this host knows of the cluster: views of the prefixes that it needs, each kept up to date by one watch. A
 * view has its records parsed once, and whether they are current. A key never goes back to an earlier revision, unless the
 * store was restored from a backup.
 *
 * Not in here: what a change means; how to go on while the store is away (src/store/outage/).
 *
 * A replica is a store itself, and all commits of the host go through it. When a commit resolves, the views have what it has
 * written, or, if a condition did not hold, what was found instead. After a commit of unknown outcome its keys are not certain
 * until they change. The results of `get` and `list` do not go into the views.
 */
import type { z } from 'zod';
import { parseRecord } from '../model/record.js';
import type { RecordReader } from '../store/record-reader.js';
import type { CommitResult, Condition, Store, Write } from '../store/store.js';
import { mayBeApplied } from '../store/transact.js';
import { type Read, View } from './view.js';

export class Replica implements Store {
  readonly #views = new Set<Pick<View<unknown>, 'learn' | 'doubt' | typeof Symbol.asyncDispose>>();

  /** `records` remembers the records that cannot be read. The caller closes the store. */
  constructor(
    private readonly store: Store,
    private readonly records: RecordReader,
  ) {}

  /** The records under `prefix` with the keys that are wanted, from now until the view is closed. */
  follow<T>(prefix: string, schema: z.ZodType<T>, isWanted?: (key: string) => boolean): View<T> {
    return this.#open(prefix, (entry) => parseRecord(schema, entry), isWanted);
  }

  /** The values under `prefix`, of keys that have no records. */
  followValues(prefix: string): View<string> {
    return this.#open(prefix, ({ value }) => value);
  }

  /** As Store.commit; all views have the result when it resolves. */
  async commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    try {
      const result = await this.store.commit(conditions, writes);
      for (const view of this.#views) view.learn(conditions, writes, result);
      return result;
    } catch (error: unknown) {
      if (mayBeApplied(error)) for (const view of this.#views) view.doubt(writes);
      throw error;
    }
  }

  get description(): string {
    return this.store.description;
  }

  get away(): boolean {
    return this.store.away;
  }

  get problem(): string | undefined {
    return this.store.problem;
  }

  readonly get: Store['get'] = (...of) => this.store.get(...of);
  readonly list: Store['list'] = (...of) => this.store.list(...of);
  readonly count: Store['count'] = (...of) => this.store.count(...of);
  readonly recall = (prefix: string) => this.store.recall?.(prefix);
  readonly forget = (prefix: string): void => this.store.forget?.(prefix);
  readonly watch: Store['watch'] = (...of) => this.store.watch(...of);
  readonly grantLease: Store['grantLease'] = (...of) => this.store.grantLease(...of);

  /** Closes the views. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#views].map((view) => view[Symbol.asyncDispose]()));
  }

  #open<T>(prefix: string, read: Read<T>, isWanted: (key: string) => boolean = () => true): View<T> {
    const onClosed = () => this.#views.delete(view);
    const parts = { store: this.store, prefix, read, records: this.records, isWanted, onClosed };
    const view: View<T> = new View(parts);
    this.#views.add(view);
    return view;
  }
}
