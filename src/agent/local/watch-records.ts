import type { Entry, Store } from '../../store/store.js';

export interface RecordsWatch {
  /** Resolves when the first snapshot was taken in, or when the watch ended before. */
  readonly first: Promise<void>;
  /** Resolves after `signal` has fired. */
  readonly ended: Promise<void>;
}

/**
 * Keeps all entries under a prefix, by key, and gives them to `take` after each batch of the store's watch:
 * the caller looks at the whole state and never at single events. `recalled`: the store has not told its own yet.
 */
export function watchRecords(
  store: Store,
  prefix: string,
  signal: AbortSignal,
  take: (entries: ReadonlyMap<string, Entry>, recalled: boolean) => void,
): RecordsWatch {
  let entries = new Map<string, Entry>();
  let recalled = false;
  let reached: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const follow = async () => {
    for await (const batch of store.watch(prefix, signal)) {
      if (batch.type === 'snapshot') {
        entries = new Map(batch.snapshot.entries.map((entry) => [entry.key, entry]));
        recalled = batch.recalled === true;
      } else for (const change of batch.changes) applyChange(entries, change);
      take(entries, recalled);
      reached();
    }
  };
  return { first, ended: follow().finally(() => reached()) };
}

function applyChange(
  entries: Map<string, Entry>,
  change: { type: 'put'; entry: Entry } | { type: 'remove'; key: string },
): void {
  if (change.type === 'put') entries.set(change.entry.key, change.entry);
  else entries.delete(change.key);
}
