/** What the files of the state directory say of the store, for a process that is not the daemon. It writes nothing. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry } from '../store.js';
import { readKnownJournal } from './disk/read-known-journal.js';
import { LAST_KNOWN } from './last-known-file.js';
import { entryOf, OwnWrites } from './own-writes.js';

export interface ReadLastKnown {
  /** The store's description. */
  readonly store: string;
  /** When the daemon has last written any of it. */
  readonly writtenAt: Date;
  readonly entries: readonly Entry[];
}

/** With what this host wrote while the store was away. undefined: nothing is there that can be read. Never rejects. */
export async function readLastKnown(directory: string): Promise<ReadLastKnown | undefined> {
  const path = join(directory, LAST_KNOWN);
  const own = join(directory, 'own-writes.jsonl');
  try {
    const read = await readKnownJournal(path);
    if (!read) return undefined;
    const entries = new Map(
      [...read.content.entries].flatMap(([key, entry]) => (entry ? [[key, entry]] : [])),
    );
    await using writes = await OwnWrites.open(own, read.store);
    for (const write of writes.list()) {
      const entry = entryOf(write, entries.get(write.key));
      if (entry) entries.set(write.key, entry);
      else entries.delete(write.key);
    }
    const times = await Promise.all([path, own].map((each) => stat(each).catch(() => undefined)));
    const writtenAt = new Date(Math.max(...times.map((found) => found?.mtimeMs ?? 0)));
    return { store: read.store, writtenAt, entries: [...entries.values()] };
  } catch {
    return undefined;
  }
}
