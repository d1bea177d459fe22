import { chmodSync, mkdirSync } from 'node:fs';
import { type Database, open, type RootDatabase } from 'lmdb';
import { diskReason } from '../../disk-errors.js';
import { isXnetError, XnetError } from '../../errors.js';
import type { Revision } from '../store.js';
import { claimWriter } from './lmdb-writer.js';
import { LocalStore } from './local-store.js';
import type { LocalTable, StoredEntry, StoredLease } from './local-table.js';

/** The store of a single host: a directory with an LMDB database, written by one process at a time. */
export class LmdbStore extends LocalStore {
  /**
   * Creates what is missing of `directory`, for its owner only. Throws IN_USE when another process has it
   * open, STORE_UNAVAILABLE when it cannot be made or read.
   */
  static open(directory: string): LmdbStore {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      chmodSync(directory, 0o700);
      // Without overlappingSync a commit is on disk, not only visible, when its promise resolves.
      const root = open({ path: directory, noSubdir: false, overlappingSync: false });
      const table = new LmdbTable(root, directory, claimWriter(root, directory));
      return new LmdbStore(table, `embedded ${directory}`);
    } catch (error: unknown) {
      if (isXnetError(error)) throw error;
      throw new XnetError(
        'STORE_UNAVAILABLE',
        `the store in ${directory} cannot be opened: ${diskReason(error)}`,
        { directory },
        { cause: error },
      );
    }
  }
}

type EntryValue = Omit<StoredEntry, 'key'>;
type LeaseValue = Omit<StoredLease, 'id'>;

/** Every transaction is on disk when its promise resolves. lmdb reads all of one turn of the event loop from one moment. */
class LmdbTable implements LocalTable {
  readonly #entries: Database<EntryValue, string>;
  readonly #leases: Database<LeaseValue, string>;
  readonly #numbers: Database<number, string>;
  problem: string | undefined;

  /** `release` gives the directory free for another writer, as the last write. */
  constructor(
    private readonly root: RootDatabase,
    private readonly directory: string,
    private readonly release: () => Promise<void>,
  ) {
    this.#entries = root.openDB<EntryValue, string>('entries', { encoding: 'json' });
    this.#leases = root.openDB<LeaseValue, string>('leases', { encoding: 'json' });
    this.#numbers = root.openDB<number, string>('numbers', { encoding: 'json' });
  }

  get revision(): Revision {
    return this.#numbers.get('revision') ?? 1;
  }

  get(key: string): StoredEntry | undefined {
    const value = this.#entries.get(key);
    return value && { key, ...value };
  }

  list(prefix: string): StoredEntry[] {
    const found: StoredEntry[] = [];
    for (const { key, value } of this.#entries.getRange(prefix === '' ? {} : { start: prefix })) {
      if (!key.startsWith(prefix)) break;
      found.push({ key, ...value });
    }
    return found;
  }

  leases(): StoredLease[] {
    return [...this.#leases.getRange()].map(({ key, value }) => ({ id: key, ...value }));
  }

  async transaction<T>(work: () => T): Promise<T> {
    try {
      const result = await this.root.transaction(work);
      this.problem = undefined;
      return result;
    } catch (error: unknown) {
      if (isXnetError(error)) throw error;
      this.problem = `the embedded store in ${this.directory} cannot be written: ${diskReason(error)}`;
      throw new XnetError('STORE_UNAVAILABLE', this.problem, {}, { cause: error });
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
    await this.release();
    await this.root.close();
  }
}
