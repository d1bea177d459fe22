import type { z } from 'zod';
import { errorMessage } from '../errors.js';
import type { Logger } from '../observability/logger.js';
import { parseRecord } from '../store/records.js';
import type { Entry, Store } from '../store/store.js';

export interface RecordsWatch {
  /** Resolves when the first snapshot was taken in, or when the watch ended before. */
  readonly first: Promise<void>;
  /** Resolves after `signal` has fired. */
  readonly ended: Promise<void>;
}

/**
 * Keeps all entries under a prefix, by key, and gives them to `take` after each batch of the store's watch:
 * the caller looks at the whole state and never at single events.
 */
export function watchRecords(
  store: Store,
  prefix: string,
  signal: AbortSignal,
  take: (entries: ReadonlyMap<string, Entry>) => void,
): RecordsWatch {
  let entries = new Map<string, Entry>();
  let reached: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const follow = async () => {
    for await (const batch of store.watch(prefix, signal)) {
      if (batch.type === 'snapshot')
        entries = new Map(batch.snapshot.entries.map((entry) => [entry.key, entry]));
      else for (const change of batch.changes) applyChange(entries, change);
      take(entries);
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

/** The readable records of `entries`; one that cannot be read is logged and left alone, not in the way. */
export function readRecords<T>(schema: z.ZodType<T>, entries: Iterable<Entry>, logger: Logger): T[] {
  return [...entries].flatMap((entry) => {
    try {
      return [parseRecord(schema, entry)];
    } catch (error: unknown) {
      logger.error('unreadable record', { key: entry.key, error: errorMessage(error) });
      return [];
    }
  });
}
