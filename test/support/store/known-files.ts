/** What a host last knew of the store, as it is in its state directory. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LastKnownFile } from '../../../src/store/known/last-known-file.js';
import { ownershipOf } from '../../../src/store/known/own-keys.js';
import { OwnWrites } from '../../../src/store/known/own-writes.js';
import type { Entry } from '../../../src/store/store.js';
import { muteLogger } from '../loggers.js';

export interface KnownFiles extends AsyncDisposable {
  readonly directory: string;
  /** Of the file in the directory. */
  path(name?: string): string;
  /** Reads what is there. Close it before the next one. */
  open(store?: string): Promise<LastKnownFile>;
  /** What is known to one that is opened, and closed again without a change. */
  read(store?: string): Promise<Entry[]>;
}

export async function makeKnownFiles(parent = tmpdir()): Promise<KnownFiles> {
  const directory = await mkdtemp(join(parent, 'xnet-known-'));
  const open = async (store = 'etcd') => {
    const ownWrites = await OwnWrites.open(join(directory, 'own-writes.jsonl'), store);
    const { isOwn } = ownershipOf('me');
    return LastKnownFile.open(directory, store, {
      behindMs: 3_600_000,
      ownWrites,
      isOwn,
      logger: muteLogger,
    });
  };
  return {
    directory,
    path: (name = 'last-known.jsonl') => join(directory, name),
    open,
    read: async (store) => {
      await using file = await open(store);
      return file.known.list('').sort((a, b) => (a.key < b.key ? -1 : 1));
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

/** The entry that revision `revision` has written. */
export function entryAt(key: string, revision: number, value = `at ${revision}`): Entry {
  return { key, value, revision, createRevision: revision };
}
