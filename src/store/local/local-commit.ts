/** Applies commits to a local table, inside its transaction. */
import { XnetError } from '../../errors.js';
import {
  type Change,
  type CommitResult,
  type Condition,
  changesOf,
  type Entry,
  type Write,
} from '../store.js';
import { conditionHolds } from './commit-rules.js';
import type { LocalTable, StoredEntry } from './local-table.js';

export interface Applied {
  readonly result: CommitResult;
  readonly changes: readonly Change[];
}

/** Throws NOT_FOUND when a write names a lease that is gone; nothing is written then. */
export function applyCommit(
  table: LocalTable,
  conditions: readonly Condition[],
  writes: readonly Write[],
): Applied {
  if (!conditions.every((condition) => conditionHolds(condition, table.get(condition.key)))) {
    const found = foundUnder(table, conditions);
    return { result: { committed: false, revision: table.revision, found }, changes: [] };
  }
  for (const lease of leasesOf(writes).values()) {
    if (!table.hasLease(lease))
      throw new XnetError('NOT_FOUND', `lease ${lease} has ended; grant a new one`, { lease });
  }
  return applyWrites(table, writes);
}

/** Removes the lease, and what is still under it among `keys`. */
export function applyLeaseEnd(table: LocalTable, id: string, keys: Iterable<string>): Applied {
  table.removeLease(id);
  const under = [...keys].filter((key) => table.get(key)?.lease === id);
  return applyWrites(
    table,
    under.map((key) => ({ remove: key })),
  );
}

/** The ids of leases by key. */
function leasesOf(writes: readonly Write[]): Map<string, string> {
  return new Map(
    writes.flatMap((write) => ('put' in write && write.lease ? [[write.put, write.lease.id]] : [])),
  );
}

/** The entry without what only the table needs to know. */
export function publicEntry({ key, value, revision, createRevision }: StoredEntry): Entry {
  return { key, value, revision, createRevision };
}

function foundUnder(table: LocalTable, conditions: readonly Condition[]): Entry[] {
  const keys = [...new Set(conditions.map(({ key }) => key))];
  return keys.flatMap((key) => table.get(key) ?? []).map(publicEntry);
}

function applyWrites(table: LocalTable, writes: readonly Write[]): Applied {
  const leases = leasesOf(writes);
  const revision = table.revision + 1;
  const changes = changesOf(writes, revision, table).filter(({ key, entry }) => entry || table.get(key));
  for (const { key, entry } of changes) {
    const lease = leases.get(key);
    if (entry) table.put(lease === undefined ? entry : { ...entry, lease });
    else table.remove(key);
  }
  if (changes.length > 0) table.setRevision(revision);
  return { result: { committed: true, revision: table.revision }, changes };
}
