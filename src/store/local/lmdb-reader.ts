import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import type { Entry } from '../store.js';
import type { StoredEntry } from './local-table.js';

/** All that the embedded store in `directory` has; undefined: there is none. It writes nothing. Throws lmdb's errors. */
export async function readLmdb(directory: string): Promise<Entry[] | undefined> {
  if (!existsSync(join(directory, 'data.mdb'))) return undefined;
  const root = open({ path: directory, noSubdir: false, readOnly: true });
  try {
    const table = root.openDB<Omit<StoredEntry, 'key'>, string>('entries', { encoding: 'json' });
    return [...table.getRange()].map(({ key, value }) => ({ key, ...value }));
  } finally {
    await root.close();
  }
}
