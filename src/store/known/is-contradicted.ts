/** Whether what a store says of its past is another than it said then: it was restored from an older backup. Pure. */

import type { Entry, Past, Revision } from '../store.js';
import type { Removal } from './removals.js';

export interface KnownPast {
  /** What was known of a prefix when all under it was known at this revision; later commits of this host may be in it. */
  readonly revision: Revision;
  readonly entries: readonly Entry[];
  readonly findRemoval: (key: string) => Removal | undefined;
}

/** A revision that the store was known to have, and what it had then, are certain, since it answers after a commit only. */
export function isContradicted({ revision, entries, findRemoval }: KnownPast, past: Past): boolean {
  if (past === 'to come') return true;
  if (past === 'forgotten') return false;
  const then = new Map(past.map((entry) => [entry.key, entry]));
  const isOther = ({ key, revision: known, value }: Entry) =>
    known <= revision && (then.get(key)?.revision !== known || then.get(key)?.value !== value);
  const wasThere = ({ key, createRevision }: Entry) => {
    const removal = findRemoval(key);
    return removal?.createRevision === createRevision && removal.removedAt <= revision;
  };
  return entries.some(isOther) || past.some(wasThere);
}
