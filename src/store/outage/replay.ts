/** Replay: commits this host's own writes to the store when it answers again. */
import { XnetError } from '../../errors.js';
import type { IsOwn } from '../known/own-keys.js';
import type { OwnWrite } from '../known/own-writes.js';
import type { Condition, Entry, Lease, Revision, Store, Write } from '../store.js';

/** Own writes in one commit: less than half of what etcd allows. */
const BATCH_SIZE = 50;
/** An earlier commit of this host with an unknown outcome may be applied in between; that often would be a defect. */
const MAX_TRIES = 10;

/** What became of an own write: `stored` is what the store has now. */
export interface Replayed {
  readonly write: OwnWrite;
  readonly revision: Revision;
  readonly stored: Entry | undefined;
  /** The record is another host's now: the own write is dropped. */
  readonly lost: boolean;
}

/** What the replay does with one own write, after the commit of its batch was refused. */
export type Resolution = 'as-written' | 'write' | 'lost';

/**
 * By what the store has under the key:
 * - The value already: an earlier commit, of unknown outcome, was applied.
 * - The record that this host overwrote (revision `base`), or another value of this host: it is overwritten. `isOwn` is
 *   `isReplaced` of own-keys.ts.
 * - Nothing, since it was restored from an older backup: the value is written.
 * - Another host's record: it stays. The store was restored, or this host had given the address up by a commit of unknown outcome.
 */
export function resolveWrite(
  { key, value, base }: OwnWrite,
  stored: Entry | undefined,
  isOwn: IsOwn,
): Resolution {
  if (stored?.value === value) return 'as-written';
  if (stored === undefined || stored.revision === base || isOwn(key, stored.value, value)) return 'write';
  return isOwn(key, value, value) ? 'lost' : 'as-written';
}

/** Commits all, and calls `onReplayed` for each. Throws the store's errors; the caller replays the rest later. */
export async function replayOwnWrites(
  store: Store,
  writes: readonly OwnWrite[],
  isOwn: IsOwn,
  onReplayed: (replayed: Replayed) => Promise<void>,
): Promise<void> {
  const leases = new Map<number, Promise<Lease>>();
  const leaseOf = (ttlSeconds: number) => {
    const lease = leases.get(ttlSeconds) ?? store.grantLease({ ttlSeconds, keepAlive: false });
    leases.set(ttlSeconds, lease);
    return lease;
  };
  for (let start = 0; start < writes.length; start += BATCH_SIZE) {
    const some = writes.slice(start, start + BATCH_SIZE);
    const done = await replayBatch(store, some, leaseOf);
    for (const write of some) {
      await onReplayed(
        done === undefined ? await replayOne(store, write, isOwn, leaseOf) : replayed(write, done),
      );
    }
  }
}

type LeaseOf = (ttlSeconds: number) => Promise<Lease>;

/** Returns the commit's revision; undefined when the record under one of the keys has changed. */
async function replayBatch(
  store: Store,
  writes: readonly OwnWrite[],
  leaseOf: LeaseOf,
): Promise<Revision | undefined> {
  const formatted = await Promise.all(writes.map((write) => format(write, leaseOf)));
  const result = await store.commit(
    writes.map(({ key, base }) => isUnchanged(key, base)),
    formatted,
  );
  return result.committed ? result.revision : undefined;
}

async function replayOne(store: Store, write: OwnWrite, isOwn: IsOwn, leaseOf: LeaseOf): Promise<Replayed> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const stored = await store.get(write.key);
    const resolution = resolveWrite(write, stored, isOwn);
    if (resolution !== 'write') {
      return { write, stored, revision: stored?.revision ?? write.revision, lost: resolution === 'lost' };
    }
    const result = await store.commit(
      [isUnchanged(write.key, stored?.revision ?? 0)],
      [await format(write, leaseOf)],
    );
    if (result.committed) return replayed(write, result.revision);
  }
  throw new XnetError(
    'STORE_CONFLICT',
    `the record ${write.key} of this host is changed by others all the time`,
  );
}

async function format({ key, value, ttlSeconds }: OwnWrite, leaseOf: LeaseOf): Promise<Write> {
  if (value === undefined) return { remove: key };
  return { put: key, value, ...(ttlSeconds !== undefined && { lease: await leaseOf(ttlSeconds) }) };
}

function isUnchanged(key: string, revision: Revision): Condition {
  return revision === 0 ? { key, is: 'absent' } : { key, is: 'at', revision };
}

function replayed(write: OwnWrite, revision: Revision): Replayed {
  const { key, value, base } = write;
  const createRevision = base === 0 ? revision : base;
  const stored = value === undefined ? undefined : { key, value, revision, createRevision };
  return { write, revision, stored, lost: false };
}
