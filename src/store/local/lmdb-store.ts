import { chmodSync, mkdirSync } from 'node:fs';
import { open } from 'lmdb';
import { diskReason } from '../../disk-errors.js';
import { isXnetError, XnetError } from '../../errors.js';
import type { Condition, LeaseOptions, Store, Write } from '../store.js';
import { LmdbTable } from './lmdb-table.js';
import { claimWriter } from './lmdb-writer.js';
import { LocalStore } from './local-store.js';

/** The store of a single host: a directory with an LMDB database, written by one process at a time. */
export class LmdbStore implements Store {
  readonly description: string;
  readonly away = false;
  readonly #store: LocalStore;
  readonly #table: LmdbTable;

  private constructor(store: LocalStore, table: LmdbTable) {
    this.#store = store;
    this.#table = table;
    this.description = store.description;
  }

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
      const store = new LocalStore(table, `embedded ${directory}`);
      store.adoptLeases();
      return new LmdbStore(store, table);
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

  get diskProblem(): string | undefined {
    return this.#table.problem;
  }

  get(key: string) {
    return this.#store.get(key);
  }

  list(prefix: string) {
    return this.#store.list(prefix);
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
