/** What this host does about the records of a store that was restored from an older backup: pure. */

import type { Entry, Revision } from '../store.js';
import { hostOf, isKeyUsedOnce, type Ownership } from './own-keys.js';
import type { OwnWrite } from './own-writes.js';
import type { Removal } from './removals.js';

export interface Restored {
  /** What the store had, as far as it is known, and what it has now. */
  readonly before: readonly Entry[];
  readonly now: readonly Entry[];
  readonly findRemoval: (key: string) => Removal | undefined;
}

/**
 * All is to be as it was before. What tells of this host alone it writes, and removes, as it knows it. What is common
 * everybody puts back where it is missing; what is there stays, unless it is known to have been changed or removed since
 * the backup: it may as well have been written after the restore. An address that another host has claimed meanwhile stays
 * that host's. `base` and `revision` of the writes: as OwnWrite says.
 */
export function planPutBack(restored: Restored, ownership: Ownership, revision: Revision): OwnWrite[] {
  const before = byKey(restored.before);
  const now = byKey(restored.now);
  return [...new Set([...before.keys(), ...now.keys()])].flatMap((key) => {
    const [wanted, found] = [before.get(key), now.get(key)];
    if (wanted?.value === found?.value) return [];
    const base = found
      ? baseOf(wanted, found, restored.findRemoval(key), ownership)
      : baseOfLost(wanted, ownership);
    if (base === undefined) return [];
    return { key, base, revision, ...(wanted && { value: wanted.value }) };
  });
}

/**
 * What other hosts have to put back. Where one does not, being cut off or without xnet, this one does it for that host: its
 * containers run on, and must keep their addresses.
 */
export function lostOfOthers({ before, now }: Restored, { isMine, isCommon }: Ownership): Entry[] {
  const present = byKey(now);
  return before.filter(
    ({ key, value }) =>
      !present.has(key) && hostOf(key, value) !== undefined && !isMine(key, value) && !isCommon(key),
  );
}

/** undefined: it is left to others. */
function baseOfLost(wanted: Entry | undefined, { isMine, isCommon }: Ownership): Revision | undefined {
  return wanted && (isMine(wanted.key, wanted.value) || isCommon(wanted.key)) ? 0 : undefined;
}

/** undefined: what was found stays. */
function baseOf(
  wanted: Entry | undefined,
  found: Entry,
  removal: Removal | undefined,
  { isMine, isCommon }: Ownership,
): Revision | undefined {
  const { key, value, revision } = found;
  if (isMine(key, value)) return revision;
  const isOutdated = isSuperseded(found, wanted) || isRemoved(found, removal);
  // Of no revision that is found: the write is given up where it is another's by now.
  if (wanted && isMine(key, wanted.value)) return isOutdated ? revision : 0;
  const isCommons = isCommon(key) || (!wanted && isKeyUsedOnce(key));
  return isCommons && isOutdated ? revision : undefined;
}

/** The same record had been changed since, or another had taken its place. */
function isSuperseded(found: Entry, wanted: Entry | undefined): boolean {
  return (
    wanted !== undefined && wanted.createRevision >= found.createRevision && wanted.revision > found.revision
  );
}

function isRemoved({ createRevision }: Entry, removal: Removal | undefined): boolean {
  return removal !== undefined && createRevision <= removal.createRevision;
}

function byKey(entries: readonly Entry[]): Map<string, Entry> {
  return new Map(entries.map((entry) => [entry.key, entry]));
}
