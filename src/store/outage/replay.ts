/** Brings what this host wrote of its own while the store did not answer to the store. */
import { XnetError } from '../../errors.js';
import type { IsOwn } from '../known/own-keys.js';
import type { OwnWrite } from '../known/own-writes.js';
import type { Condition, Entry, Lease, Revision, Store, Write } from '../store.js';

/** Of one commit: below half of what etcd takes. */
const AT_ONCE = 50;
/** Somebody else of this host's, as a commit of unknown fate, may come in between; that often is a defect. */
const MOST_TRIES = 10;

/** What became of a write: `stored` is what the store has now. */
export interface Replayed {
  readonly write: OwnWrite;
  readonly revision: Revision;
  readonly stored: Entry | undefined;
  /** The key is another host's now: the write is given up. */
  readonly lost: boolean;
}

/** What is to be done about a key, in a commit of its own: some of a greater commit were not as they had been. */
export type Resolution = 'as-written' | 'write' | 'lost';

/**
 * The store may have the value already (a commit of unknown fate), an earlier one of this host's, nothing (it was
 * restored from an older backup) or another host's record, which stays: after a restore, or because this host had given
 * the address up by a commit of unknown fate.
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

/** Settles all, calling `onReplayed` for each. Throws the store's errors; what is not settled then is done next time. */
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
  for (let start = 0; start < writes.length; start += AT_ONCE) {
    const some = writes.slice(start, start + AT_ONCE);
    const done = await replayAtOnce(store, some, leaseOf);
    for (const write of some) {
      await onReplayed(
        done === undefined ? await replayOne(store, write, isOwn, leaseOf) : replayed(write, done),
      );
    }
  }
}

type LeaseOf = (ttlSeconds: number) => Promise<Lease>;

/** The revision; undefined when any key is not as it was. */
async function replayAtOnce(
  store: Store,
  writes: readonly OwnWrite[],
  leaseOf: LeaseOf,
): Promise<Revision | undefined> {
  const formatted = await Promise.all(writes.map((write) => format(write, leaseOf)));
  const result = await store.commit(
    writes.map(({ key, base }) => asItWas(key, base)),
    formatted,
  );
  return result.committed ? result.revision : undefined;
}

async function replayOne(store: Store, write: OwnWrite, isOwn: IsOwn, leaseOf: LeaseOf): Promise<Replayed> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const stored = await store.get(write.key);
    const resolution = resolveWrite(write, stored, isOwn);
    if (resolution !== 'write') {
      return { write, stored, revision: stored?.revision ?? write.revision, lost: resolution === 'lost' };
    }
    const result = await store.commit(
      [asItWas(write.key, stored?.revision ?? 0)],
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

function asItWas(key: string, revision: Revision): Condition {
  return revision === 0 ? { key, is: 'absent' } : { key, is: 'at', revision };
}

function replayed(write: OwnWrite, revision: Revision): Replayed {
  const { key, value, base } = write;
  const createRevision = base === 0 ? revision : base;
  const stored = value === undefined ? undefined : { key, value, revision, createRevision };
  return { write, revision, stored, lost: false };
}
