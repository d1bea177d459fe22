/** Applies commits to a local table, inside its transaction. */
import { XnetError } from '../../errors.js';
import type { Change, CommitResult, Condition, Entry, Revision, Write } from '../store.js';
import { conditionHolds } from './commit-rules.js';
import type { LocalTransaction, StoredEntry } from './local-table.js';

export interface Applied {
  readonly result: CommitResult;
  readonly changes: readonly Change[];
}

/** Throws NOT_FOUND when a write names a lease that is gone; nothing is written then. */
export function applyCommit(
  transaction: LocalTransaction,
  conditions: readonly Condition[],
  writes: readonly Write[],
): Applied {
  const { revision } = transaction;
  if (!conditions.every((condition) => conditionHolds(condition, transaction.get(condition.key)))) {
    return {
      result: { committed: false, revision, found: foundUnder(transaction, conditions) },
      changes: [],
    };
  }
  requireLeases(transaction, writes);
  const changes = writes.flatMap((write) => applyWrite(transaction, write, revision + 1));
  if (changes.length > 0) transaction.setRevision(revision + 1);
  return { result: { committed: true, revision: transaction.revision }, changes };
}

/** Removes what is still under the lease among `keys`, and the lease. */
export function applyLeaseEnd(transaction: LocalTransaction, id: string, keys: Iterable<string>): Applied {
  const revision = transaction.revision + 1;
  transaction.removeLease(id);
  const changes = [...keys]
    .filter((key) => transaction.get(key)?.lease === id)
    .flatMap((key) => applyWrite(transaction, { remove: key }, revision));
  if (changes.length > 0) transaction.setRevision(revision);
  return { result: { committed: true, revision: transaction.revision }, changes };
}

/** The entry without what only the table needs to know. */
export function publicEntry({ key, value, revision, createRevision }: StoredEntry): Entry {
  return { key, value, revision, createRevision };
}

function foundUnder(transaction: LocalTransaction, conditions: readonly Condition[]): Entry[] {
  const keys = [...new Set(conditions.map(({ key }) => key))];
  return keys.flatMap((key) => transaction.get(key) ?? []).map(publicEntry);
}

function requireLeases(transaction: LocalTransaction, writes: readonly Write[]): void {
  for (const write of writes) {
    if ('put' in write && write.lease !== undefined && !transaction.hasLease(write.lease.id)) {
      throw leaseGone(write.lease.id);
    }
  }
}

/** Thrown by every store for a write under a lease that has ended. */
export function leaseGone(id: string): XnetError {
  return new XnetError('NOT_FOUND', `lease ${id} has ended; grant a new one`, { lease: id });
}

function applyWrite(transaction: LocalTransaction, write: Write, revision: Revision): Change[] {
  if ('put' in write) {
    const { put: key, value } = write;
    const entry = { key, value, revision, createRevision: transaction.get(key)?.createRevision ?? revision };
    transaction.put(write.lease === undefined ? entry : { ...entry, lease: write.lease.id });
    return [{ key, revision, entry }];
  }
  if ('removePrefix' in write) {
    const keys = transaction.range(write.removePrefix).map(({ key }) => key);
    return keys.flatMap((key) => applyWrite(transaction, { remove: key }, revision));
  }
  if (transaction.get(write.remove) === undefined) return [];
  transaction.remove(write.remove);
  return [{ key: write.remove, revision, entry: undefined }];
}
