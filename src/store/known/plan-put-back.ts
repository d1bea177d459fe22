/** What this host puts back, and removes again, after a restore of the store. Pure. */

import { addressRecord, stateOf } from '../../model/address.js';
import { recordKeyOf } from '../../model/by-host.js';
import { hostRecord } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import { findRecord, formatRecord } from '../../model/record.js';
import type { Entry, Revision } from '../store.js';
import type { Removal } from './disk/known-content.js';
import { hostOf, isKeyUsedOnce, type Ownership } from './own-keys.js';
import type { OwnWrite } from './own-writes.js';
import type { Removals } from './removals.js';

export interface Restored {
  /** What was known of the store before the restore, and what it has now. */
  readonly before: readonly Entry[];
  readonly now: readonly Entry[];
  readonly removals: Removals;
}

/**
 * The own writes that make the store as it was before the restore:
 * - Records that describe this host alone are written, or removed, as this host knows them.
 * - Records that are common are written where they are missing. One that is there stays, since it may have been written after
 *   the restore; unless it is known to have been changed or removed between the backup and the restore.
 * - An address that another host has claimed since the restore stays that host's.
 * - With a twin goes the record of which it is: that is not known otherwise.
 *
 * `revision`: of the own writes.
 */
export function planPutBack(restored: Restored, ownership: Ownership, revision: Revision): OwnWrite[] {
  const before = byKey(restored.before);
  const now = byKey(restored.now);
  return [...new Set([...before.keys(), ...now.keys()])].flatMap((key) => {
    const found = now.get(key);
    const wanted = asOfTwins(before.get(key), found);
    if (wanted?.value === found?.value) return [];
    const base = found
      ? baseOf(wanted, found, restored.removals.find(key), ownership)
      : baseOfLost(wanted, ownership);
    if (base === undefined) return [];
    const write = { key, base, revision, ...(wanted && lasts(wanted) && { value: wanted.value }) };
    const record = recordKeyOf(key);
    // What the store has under its key the replay finds out.
    return record === undefined ? [write] : [write, { ...write, key: record, base: 0 }];
  });
}

/**
 * The lost records that other hosts put back. If one does not, being cut off or without xnet, this host puts them back for it:
 * that host's containers run on, and must keep their addresses.
 */
export function lostOfOthers({ before, now }: Restored, { isAboutThisHost, isCommon }: Ownership): Entry[] {
  const present = byKey(now);
  return before.filter(
    ({ key, value }) =>
      !present.has(key) && hostOf(key, value) !== undefined && !isAboutThisHost(key, value) && !isCommon(key),
  );
}

/** For a record that is missing. undefined: it is left to other hosts. */
function baseOfLost(
  wanted: Entry | undefined,
  { isAboutThisHost, isCommon }: Ownership,
): Revision | undefined {
  return wanted && (isAboutThisHost(wanted.key, wanted.value) || isCommon(wanted.key)) ? 0 : undefined;
}

/** For a record that was found. undefined: it stays. */
function baseOf(
  wanted: Entry | undefined,
  found: Entry,
  removal: Removal | undefined,
  { isAboutThisHost, isCommon }: Ownership,
): Revision | undefined {
  const { key, value, revision } = found;
  if (isAboutThisHost(key, value)) return revision;
  const isOutdated = isSuperseded(found, wanted) || isRemoved(found, removal);
  // 0 is never the revision of a record: the replay drops the own write if the record is another host's by now.
  if (wanted && isAboutThisHost(key, wanted.value)) return isOutdated ? revision : 0;
  const isCommons = isCommon(key) || (!wanted && isKeyUsedOnce(key));
  return isCommons && isOutdated ? revision : undefined;
}

/** Before the restore the record had been changed, or another had taken its place. */
function isSuperseded(found: Entry, wanted: Entry | undefined): boolean {
  return (
    wanted !== undefined && wanted.createRevision >= found.createRevision && wanted.revision > found.revision
  );
}

/**
 * The record of a host in a backup from before its twins does not say that these are complete, and must not when it is put back: the
 * backup may have bindings and holds that were removed since. This host no longer knows them, and finds them when it registers.
 */
function asOfTwins(wanted: Entry | undefined, found: Entry | undefined): Entry | undefined {
  if (!wanted?.key.startsWith(keys.hosts()) || !found) return wanted;
  const [record, former] = [findRecord(hostRecord, wanted), findRecord(hostRecord, found)];
  if (!record?.twins || !former || former.twins) return wanted;
  return { ...wanted, value: formatRecord({ ...record, twins: undefined }) };
}

/** False for an address that rests: its lease is lost, and what would be written without one would rest for ever. */
function lasts(entry: Entry): boolean {
  const address = entry.key.startsWith(keys.addresses()) ? findRecord(addressRecord, entry) : undefined;
  return address === undefined || stateOf(address) !== 'resting';
}

function isRemoved({ createRevision }: Entry, removal: Removal | undefined): boolean {
  return removal !== undefined && createRevision <= removal.createRevision;
}

function byKey(entries: readonly Entry[]): Map<string, Entry> {
  return new Map(entries.map((entry) => [entry.key, entry]));
}
