/** What the state directory of this host says, whether a daemon runs or not. Nothing is written. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/schema.js';
import { EventLog, type HostEvent } from '../observability/event-log.js';
import { readLastKnown } from '../store/known/read-last-known.js';
import { readLmdb } from '../store/local/lmdb-reader.js';
import type { Entry, Store } from '../store/store.js';

export interface KnownState {
  readonly hostId: string;
  /** The store's description. */
  readonly store: string;
  readonly reader: Pick<Store, 'list' | 'count'>;
  /** When a daemon last wrote what `reader` reads. */
  readonly knownAt?: Date;
  /** From `since` (ISO 8601) on, the earliest first. */
  readonly events: (since: string) => Promise<HostEvent[]>;
}

/** undefined: no xnet has run with this configuration. Throws the file system's errors, and lmdb's. */
export async function readKnownState({ stateDir, store }: Config): Promise<KnownState | undefined> {
  const hostId = await readFile(join(stateDir, 'host-id'), 'utf8').catch(() => undefined);
  if (hostId === undefined) return undefined;
  const events = new EventLog(join(stateDir, 'events.jsonl'), { debug: () => undefined });
  const known = await readEntries(stateDir);
  return {
    ...{ hostId: hostId.trim(), store: known?.store ?? store, reader: readerOf(known?.entries ?? []) },
    ...(known?.writtenAt && { knownAt: known.writtenAt }),
    events: (since) => events.list(since),
  };
}

/** A host that has joined a cluster keeps the embedded store that it had before. */
async function readEntries(stateDir: string) {
  const known = await readLastKnown(stateDir);
  if (known) return known;
  const directory = join(stateDir, 'store');
  const entries = await readLmdb(directory);
  return entries && { store: `embedded ${directory}`, writtenAt: undefined, entries };
}

function readerOf(entries: readonly Entry[]): KnownState['reader'] {
  const inOrder = [...entries].sort((a, b) => (a.key < b.key ? -1 : 1));
  const under = (prefix: string) => inOrder.filter(({ key }) => key.startsWith(prefix));
  return {
    list: async (prefix) => ({ revision: 0, entries: under(prefix), recalled: true }),
    count: async (prefix) => under(prefix).length,
  };
}
