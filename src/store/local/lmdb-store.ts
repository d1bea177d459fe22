import { chmodSync, mkdirSync } from 'node:fs';
import { open } from 'lmdb';
import { diskReason } from '../../disk-errors.js';
import { isXnetError, XnetError } from '../../errors.js';
import { LmdbTable } from './lmdb-table.js';
import { claimWriter } from './lmdb-writer.js';
import { LocalStore } from './local-store.js';

/** The store of a single host: a directory with an LMDB database, written by one process at a time. */
export class LmdbStore extends LocalStore {
  readonly #table: LmdbTable;

  private constructor(table: LmdbTable, directory: string) {
    super(table, `embedded ${directory}`);
    this.#table = table;
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
      const store = new LmdbStore(new LmdbTable(root, directory, claimWriter(root, directory)), directory);
      store.adoptLeases();
      return store;
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
}
