/** A local table in LMDB: every transaction is on disk when its promise resolves. */
import type { Database, RootDatabase } from 'lmdb';
import { diskReason } from '../../disk-errors.js';
import { isXnetError, XnetError } from '../../errors.js';
import type { Revision } from '../store.js';
import type { LocalTable, LocalTransaction, StoredEntry, StoredLease } from './local-table.js';

type EntryValue = Omit<StoredEntry, 'key'>;
type LeaseValue = Omit<StoredLease, 'id'>;

export class LmdbTable implements LocalTable, LocalTransaction {
  readonly #root: RootDatabase;
  readonly #release: () => Promise<void>;
  readonly #entries: Database<EntryValue, string>;
  readonly #leases: Database<LeaseValue, string>;
  readonly #numbers: Database<number, string>;

  #problem: string | undefined;

  /** `release` gives the directory free for another writer, as the last write. */
  constructor(
    root: RootDatabase,
    private readonly directory: string,
    release: () => Promise<void>,
  ) {
    this.#root = root;
    this.#release = release;
    this.#entries = root.openDB<EntryValue, string>('entries', { encoding: 'json' });
    this.#leases = root.openDB<LeaseValue, string>('leases', { encoding: 'json' });
    this.#numbers = root.openDB<number, string>('numbers', { encoding: 'json' });
  }

  /** Why the last write failed; undefined when it did not. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get revision(): Revision {
    return this.#numbers.get('revision') ?? 1;
  }

  get(key: string): StoredEntry | undefined {
    const value = this.#entries.get(key);
    return value && { key, ...value };
  }

  range(prefix: string): StoredEntry[] {
    const found: StoredEntry[] = [];
    for (const { key, value } of this.#entries.getRange(prefix === '' ? {} : { start: prefix })) {
      if (!key.startsWith(prefix)) break;
      found.push({ key, ...value });
    }
    return found;
  }

  /** One moment, because lmdb reads all of one turn of the event loop from one read transaction. */
  snapshot(prefix: string): { revision: Revision; entries: StoredEntry[] } {
    return { revision: this.revision, entries: this.range(prefix) };
  }

  leases(): StoredLease[] {
    return [...this.#leases.getRange()].map(({ key, value }) => ({ id: key, ...value }));
  }

  async transaction<T>(work: (transaction: LocalTransaction) => T): Promise<T> {
    try {
      const result = await this.#root.transaction(() => work(this));
      this.#problem = undefined;
      return result;
    } catch (error: unknown) {
      if (isXnetError(error)) throw error;
      this.#problem = `the embedded store in ${this.directory} cannot be written: ${diskReason(error)}`;
      throw new XnetError('STORE_UNAVAILABLE', this.#problem, {}, { cause: error });
    }
  }

  put({ key, ...value }: StoredEntry): void {
    this.#entries.putSync(key, value);
  }

  remove(key: string): void {
    this.#entries.removeSync(key);
  }

  setRevision(revision: Revision): void {
    this.#numbers.putSync('revision', revision);
  }

  putLease({ id, ...value }: StoredLease): void {
    this.#leases.putSync(id, value);
  }

  removeLease(id: string): void {
    this.#leases.removeSync(id);
  }

  hasLease(id: string): boolean {
    return this.#leases.doesExist(id);
  }

  async close(): Promise<void> {
    await this.#release();
    await this.#root.close();
  }
}
