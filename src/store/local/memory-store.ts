import type { Condition, LeaseOptions, Past, Revision, Store, Write } from '../store.js';
import { LocalStore } from './local-store.js';
import { MemoryTable } from './memory-table.js';

/** A store for tests and tools: in memory, gone with the process. */
export class MemoryStore implements Store {
  readonly #store = new LocalStore(new MemoryTable(), 'memory');
  readonly description = this.#store.description;
  readonly away = false;

  get(key: string) {
    return this.#store.get(key);
  }

  list(prefix: string) {
    return this.#store.list(prefix);
  }

  /** It keeps none, but for its revision. */
  async past(prefix: string, revision: Revision): Promise<Past> {
    const now = await this.list(prefix);
    if (revision > now.revision) return 'to come';
    return revision === now.revision ? now.entries : 'forgotten';
  }

  commit(conditions: readonly Condition[], writes: readonly Write[]) {
    return this.#store.commit(conditions, writes);
  }

  watch(prefix: string, signal: AbortSignal) {
    return this.#store.watch(prefix, signal);
  }

  grantLease(options: LeaseOptions) {
    return this.#store.grantLease(options);
  }

  [Symbol.asyncDispose]() {
    return this.#store[Symbol.asyncDispose]();
  }
}
