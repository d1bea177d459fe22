/** What a commit may contain, and when its conditions hold: the same for every store. */
import { XnetError } from '../../errors.js';
import type { Condition, Entry, Write } from '../store.js';

/** etcd's default `--max-txn-ops`; the other stores have the same limit, so that tests on them find what etcd refuses. */
const MAX_OPERATIONS = 128;

/** Throws INTERNAL for a commit that no store takes: a key written twice, an empty key, too many operations. */
export function checkCommit(conditions: readonly Condition[], writes: readonly Write[]): void {
  if (Math.max(conditions.length, writes.length) > MAX_OPERATIONS) {
    throw refused(`it has more than ${MAX_OPERATIONS} conditions or writes`);
  }
  if (conditions.some(({ key }) => key === '')) throw refused('a condition has an empty key');
  const keys = writes.flatMap((write) => ('removePrefix' in write ? [] : [writtenKey(write)]));
  const prefixes = writes.flatMap((write) => ('removePrefix' in write ? [write.removePrefix] : []));
  if (keys.includes('')) throw refused('a write has an empty key');
  const twice =
    keys.find((key, index) => keys.indexOf(key) !== index) ??
    keys.find((key) => prefixes.some((prefix) => key.startsWith(prefix)));
  if (twice !== undefined) throw refused(`it writes ${twice} twice`);
}

function writtenKey(write: Exclude<Write, { removePrefix: string }>): string {
  return 'put' in write ? write.put : write.remove;
}

function refused(why: string): XnetError {
  return new XnetError('INTERNAL', `a commit to the store cannot be made: ${why}`);
}

/** Whether `condition` holds for what is under its key now. */
export function conditionHolds(condition: Condition, entry: Entry | undefined): boolean {
  switch (condition.is) {
    case 'absent':
      return entry === undefined;
    case 'present':
      return entry !== undefined;
    case 'at':
      return entry?.revision === condition.revision;
  }
}
