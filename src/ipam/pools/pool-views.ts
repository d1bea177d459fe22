import { parseAddressKey } from '../../store/keys.js';
import type { RecordReader } from '../../store/record-reader.js';
import type { CommitResult, Condition, Revision, Store, Write } from '../../store/store.js';
import type { PoolReference } from '../pool-id.js';
import { formatPoolKey } from '../pool-name.js';
import { PoolView } from './pool-view.js';

type Refusal = Extract<CommitResult, { committed: false }>;

/**
 * The views of the pools in use on this host, and the way to commit so that they know of it at once.
 * A view is opened at the first use of its pool and closed with the last reference of this host to it.
 */
export class PoolViews implements AsyncDisposable {
  readonly #store: Store;
  readonly #records: RecordReader;
  readonly #views = new Map<string, PoolView>();

  constructor(store: Store, records: RecordReader) {
    this.#store = store;
    this.#records = records;
  }

  /** The view of a reference's pool, ready to choose from. Throws STORE_UNAVAILABLE. */
  async open(pool: PoolReference): Promise<PoolView> {
    const view = this.begin(pool);
    await view.ready();
    return view;
  }

  /** As `open`, without waiting until its addresses are known. */
  begin(pool: PoolReference): PoolView {
    const poolKey = formatPoolKey(pool);
    const view = this.#views.get(poolKey) ?? this.#start(poolKey);
    view.references.set(pool.reference, pool);
    return view;
  }

  /** For a pool whose addresses Docker's own IPAM hands out on this host. */
  beginByDocker(poolKey: string): void {
    const view = this.#views.get(poolKey) ?? this.#start(poolKey);
    view.byDocker = true;
  }

  /** The Docker network of such a pool is gone. */
  async closeByDocker(view: PoolView): Promise<void> {
    view.byDocker = false;
    await this.#closeUnused(view);
  }

  find(poolKey: string): PoolView | undefined {
    return this.#views.get(poolKey);
  }

  all(): PoolView[] {
    return [...this.#views.values()];
  }

  /** Commits, and tells the views what was written, or what was found instead. */
  async commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    const result = await this.#store.commit(conditions, writes);
    if (result.committed) this.note(writes, result.revision);
    else this.#learn(conditions, result);
    return result;
  }

  note(writes: readonly Write[], revision: Revision): void {
    for (const write of writes) {
      const key = 'put' in write ? write.put : 'remove' in write ? write.remove : '';
      this.#viewOf(key)?.addresses.note([write], revision);
    }
  }

  /** The reference is gone: closes the view of its pool when no other reference of this host uses it. */
  async close(pool: PoolReference): Promise<void> {
    const view = this.#views.get(formatPoolKey(pool));
    if (view?.references.delete(pool.reference)) await this.#closeUnused(view);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const views = [...this.#views.values()];
    this.#views.clear();
    await Promise.all(views.map((view) => view[Symbol.asyncDispose]()));
  }

  async #closeUnused(view: PoolView): Promise<void> {
    if (view.references.size > 0 || view.byDocker) return;
    this.#views.delete(view.poolKey);
    await view[Symbol.asyncDispose]();
  }

  #learn(conditions: readonly Condition[], { found, revision }: Refusal): void {
    for (const { key } of conditions) {
      const entry = found.find((other) => other.key === key);
      if (entry) this.#viewOf(key)?.addresses.learn(entry);
      else this.#viewOf(key)?.addresses.learnAbsent(key, revision);
    }
  }

  #start(poolKey: string): PoolView {
    const view = new PoolView(this.#store, poolKey, this.#records);
    this.#views.set(poolKey, view);
    view.start();
    return view;
  }

  #viewOf(key: string): PoolView | undefined {
    const parsed = parseAddressKey(key);
    return parsed && this.#views.get(parsed.poolKey);
  }
}
