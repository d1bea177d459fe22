/** Whether a store's content at an earlier revision differs from what it had then: it was restored from a backup. Pure. */

import type { Entry, Past, Revision } from '../store.js';
import type { Removals } from './removals.js';

export interface KnownPast {
  /** All under a prefix is known as of this revision. `entries` may have later commits of this host, too. */
  readonly revision: Revision;
  readonly entries: readonly Entry[];
  readonly removals: Removals;
}

/** Sound because the store answers only with what is committed: it cannot have had other entries at that revision. */
export function isContradicted({ revision, entries, removals }: KnownPast, past: Past): boolean {
  if (past === 'to come') return true;
  if (past === 'forgotten') return false;
  const then = new Map(past.map((entry) => [entry.key, entry]));
  const isOther = ({ key, revision: known, value }: Entry) =>
    known <= revision && (then.get(key)?.revision !== known || then.get(key)?.value !== value);
  const wasThere = ({ key, createRevision }: Entry) => {
    const removal = removals.find(key);
    return removal?.createRevision === createRevision && removal.removedAt <= revision;
  };
  return entries.some(isOther) || past.some(wasThere);
}
