/** Applies commits to a local table, inside its table. */
import { XnetError } from '../../errors.js';
import type { Change, CommitResult, Condition, Entry, Revision, Write } from '../store.js';
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
  const { revision } = table;
  if (!conditions.every((condition) => conditionHolds(condition, table.get(condition.key)))) {
    return {
      result: { committed: false, revision, found: foundUnder(table, conditions) },
      changes: [],
    };
  }
  requireLeases(table, writes);
  const changes = writes.flatMap((write) => applyWrite(table, write, revision + 1));
  if (changes.length > 0) table.setRevision(revision + 1);
  return { result: { committed: true, revision: table.revision }, changes };
}

/** Removes what is still under the lease among `keys`, and the lease. */
export function applyLeaseEnd(table: LocalTable, id: string, keys: Iterable<string>): Applied {
  const revision = table.revision + 1;
  table.removeLease(id);
  const changes = [...keys]
    .filter((key) => table.get(key)?.lease === id)
    .flatMap((key) => applyWrite(table, { remove: key }, revision));
  if (changes.length > 0) table.setRevision(revision);
  return { result: { committed: true, revision: table.revision }, changes };
}

/** The entry without what only the table needs to know. */
export function publicEntry({ key, value, revision, createRevision }: StoredEntry): Entry {
  return { key, value, revision, createRevision };
}

function foundUnder(table: LocalTable, conditions: readonly Condition[]): Entry[] {
  const keys = [...new Set(conditions.map(({ key }) => key))];
  return keys.flatMap((key) => table.get(key) ?? []).map(publicEntry);
}

function requireLeases(table: LocalTable, writes: readonly Write[]): void {
  for (const write of writes) {
    const lease = 'put' in write ? write.lease?.id : undefined;
    if (lease !== undefined && !table.hasLease(lease))
      throw new XnetError('NOT_FOUND', `lease ${lease} has ended; grant a new one`, { lease });
  }
}

function applyWrite(table: LocalTable, write: Write, revision: Revision): Change[] {
  if ('put' in write) {
    const { put: key, value } = write;
    const entry = { key, value, revision, createRevision: table.get(key)?.createRevision ?? revision };
    table.put(write.lease === undefined ? entry : { ...entry, lease: write.lease.id });
    return [{ key, revision, entry }];
  }
  if ('removePrefix' in write) {
    const keys = table.range(write.removePrefix).map(({ key }) => key);
    return keys.flatMap((key) => applyWrite(table, { remove: key }, revision));
  }
  if (table.get(write.remove) === undefined) return [];
  table.remove(write.remove);
  return [{ key: write.remove, revision, entry: undefined }];
}
