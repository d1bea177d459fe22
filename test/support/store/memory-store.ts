/** A store in memory, gone with the process: the product's local store over a table without a disk. */

import { LocalStore } from '../../../src/store/local/local-store.js';
import type { LocalTable, StoredEntry, StoredLease } from '../../../src/store/local/local-table.js';
import type { Past, Revision } from '../../../src/store/store.js';

class MemoryTable implements LocalTable {
  revision: Revision = 1;
  readonly #entries = new Map<string, StoredEntry>();
  readonly #leases = new Map<string, StoredLease>();
  /** The keys of #entries in order; undefined when it has to be made anew. */
  #order: string[] | undefined;

  get(key: string): StoredEntry | undefined {
    return this.#entries.get(key);
  }

  list(prefix: string): StoredEntry[] {
    this.#order ??= [...this.#entries.keys()].sort();
    const keys = this.#order.filter((key) => key.startsWith(prefix));
    return keys.flatMap((key) => this.#entries.get(key) ?? []);
  }

  leases(): StoredLease[] {
    return [...this.#leases.values()];
  }

  /** Yields to other callers first, as a store with a disk or a network does. */
  async transaction<T>(work: () => T): Promise<T> {
    await Promise.resolve();
    return work();
  }

  put(entry: StoredEntry): void {
    if (!this.#entries.has(entry.key)) this.#order = undefined;
    this.#entries.set(entry.key, entry);
  }

  remove(key: string): void {
    this.#entries.delete(key);
    this.#order = undefined;
  }

  setRevision(revision: Revision): void {
    this.revision = revision;
  }

  putLease(lease: StoredLease): void {
    this.#leases.set(lease.id, lease);
  }

  removeLease(id: string): void {
    this.#leases.delete(id);
  }

  hasLease(id: string): boolean {
    return this.#leases.has(id);
  }

  async close(): Promise<void> {}
}

export class MemoryStore extends LocalStore {
  constructor() {
    super(new MemoryTable(), 'memory');
  }

  /** It keeps none, but for its revision. */
  async past(prefix: string, revision: Revision): Promise<Past> {
    const now = await this.list(prefix);
    if (revision > now.revision) return 'to come';
    return revision === now.revision ? now.entries : 'forgotten';
  }
}
