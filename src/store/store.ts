/**
 * src/store: where the state of the cluster is. `etcd/` and `local/` keep it; `known/` and `outage/` go on with what was last
 * known while etcd does not answer. Guarantee: a commit is seen by all hosts or by none, and by all in the same order. Not in
 * here: what a record means, except whose it is (`known/own-keys.ts`).
 *
 * Below is the contract of a store: an ordered map of strings with revisions, compare-and-commit, leases and watches.
 * Implementations: EtcdStore (cluster), FailStaticStore around it, LmdbStore (one host); one contract suite runs over all.
 *
 * Failures are XnetErrors: STORE_UNAVAILABLE (names the endpoint and what failed) and STORE_DENIED.
 * A commit that fails with STORE_UNAVAILABLE *may have been applied*, unless `fields.applied` is false. So every value names
 * its owner, and a caller that finds its own value on the next try takes that for success (see transact.ts).
 */
import type { XnetError } from '../errors.js';

/** Grows with every commit, over all keys. Exact up to 2^53 - 1. */
export type Revision = number;

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Revision of the commit that wrote this value. */
  readonly revision: Revision;
  /** Revision of the commit that made the key (later values of the same key keep it). */
  readonly createRevision: Revision;
}

/** Everything under a prefix, in key order, as it stood at one revision. */
export interface Snapshot {
  readonly revision: Revision;
  readonly entries: readonly Entry[];
  /** What is known: the store itself has not answered. */
  readonly recalled?: true;
}

/** `to come`: the store has not reached that revision. `forgotten`: it has, and does not keep its content of then. */
export type Past = readonly Entry[] | 'to come' | 'forgotten';

/** All conditions of a commit must hold at once. */
export type Condition =
  | { readonly key: string; readonly is: 'absent' }
  | { readonly key: string; readonly is: 'present' }
  | { readonly key: string; readonly is: 'at'; readonly revision: Revision };

export type Write =
  | { readonly put: string; readonly value: string; readonly lease?: Lease }
  | { readonly remove: string }
  | { readonly removePrefix: string };

/** Conditions and writes to be added to a commit. */
export interface CommitPart {
  readonly conditions: readonly Condition[];
  readonly writes: readonly Write[];
}

export type CommitResult =
  | { readonly committed: true; readonly revision: Revision }
  /** `found` holds the entries present now under the conditions' keys, from the same transaction. */
  | { readonly committed: false; readonly revision: Revision; readonly found: readonly Entry[] };

export interface Change {
  readonly key: string;
  readonly revision: Revision;
  /** undefined: the key was removed. */
  readonly entry: Entry | undefined;
}

/** Entries by key, as far as `changesOf` needs them. */
export interface Content {
  get(key: string): Pick<Entry, 'createRevision'> | undefined;
  list(prefix: string): readonly Pick<Entry, 'key'>[];
}

/** What `writes` change in `content` when they are committed at `revision`. */
export function changesOf(writes: readonly Write[], revision: Revision, content: Content): Change[] {
  return writes.flatMap((write) => {
    if ('removePrefix' in write) {
      return content.list(write.removePrefix).map(({ key }) => ({ key, revision, entry: undefined }));
    }
    if ('remove' in write) return { key: write.remove, revision, entry: undefined };
    const { put: key, value } = write;
    const createRevision = content.get(key)?.createRevision ?? revision;
    return { key, revision, entry: { key, value, revision, createRevision } };
  });
}

/** What a commit whose conditions did not hold has found under the key of one. */
export function foundUnder(
  key: string,
  { found, revision }: Extract<CommitResult, { readonly committed: false }>,
): Change {
  const entry = found.find((each) => each.key === key);
  return { key, revision: entry?.revision ?? revision, entry };
}

/**
 * What a watch yields: first a snapshot, then batches of changes that follow it without a gap. When a change may have been
 * missed (lost connection, compaction, lost member), it yields another snapshot, which replaces all that was yielded before.
 */
export type WatchBatch =
  /** After one that is `recalled` another follows, when the store answers. */
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  /** `isAhead`: of this host's own; changes of others with earlier revisions may still come. */
  | {
      readonly type: 'changes';
      readonly revision: Revision;
      readonly changes: readonly Change[];
      readonly isAhead?: true;
    };

/** Keys written under a lease vanish when it ends: on revoke, or `ttlSeconds` after the last keep-alive. */
export interface Lease {
  readonly id: string;
  readonly ttlSeconds: number;
  /** Resolves when the lease is known to be lost or was revoked; never rejects. */
  readonly lost: Promise<void>;
  /** Ends the lease and removes its keys. Idempotent. */
  revoke(): Promise<void>;
}

/** A lease that another process has granted and keeps, to put keys under. It cannot be revoked by this. */
export function leaseOfAnother(id: string): Lease {
  return { id, ttlSeconds: 0, lost: new Promise(() => undefined), revoke: async () => undefined };
}

export interface LeaseOptions {
  /** At most 24 days. */
  readonly ttlSeconds: number;
  /** false: nobody renews it, its keys vanish after `ttlSeconds` (used for resting addresses). Default true. */
  readonly keepAlive?: boolean;
}

/** A server of the store's, as this host sees it. */
export interface StoreMember {
  readonly url: string;
  /** Why it does not answer; then nothing else is known of it. */
  readonly problem?: string;
  readonly answerMs?: number;
  readonly version?: string;
  readonly hasLeader: boolean;
  /** Such as NOSPACE. */
  readonly alarms: readonly string[];
  /** Of its database, on disk. */
  readonly bytes: number;
  /** Its clock, in ms since 1970, to the second. */
  readonly clockMs?: number | undefined;
  /** When its certificate ends, in ms since 1970; absent without TLS. */
  readonly certificateEndMs?: number | undefined;
}

export interface ListOptions {
  /** Called when a part of a long answer, or of a watch's snapshot, has come: the store is not silent. */
  readonly onProgress?: () => void;
  /** It is not kept for times when the store is away: for what only grows old, and for what grows with the cluster. */
  readonly once?: boolean;
}

export interface Store extends AsyncDisposable {
  /** For people: `embedded /var/lib/xnet/store` or `etcd https://h1:2379,...`; no secrets. */
  readonly description: string;
  /** True while the store does not answer, and calls are answered by what is known (see fail-static-store.ts). */
  readonly away: boolean;
  /** Why the store is away, for people. */
  readonly problem?: string | undefined;
  /** Since when it is away. */
  readonly awaySince?: Date | undefined;
  /** Why its files on this host cannot be written, for people. */
  readonly diskProblem?: string | undefined;
  /**
   * What is known under `prefix`, also by an earlier run, without a request; undefined where not all of it is known. Absent
   * in stores that keep no copy on this host.
   */
  recall?(prefix: string): readonly Entry[] | undefined;
  /** As `recall`, also where not all of it is known: for people, while the store is away. */
  recallPart?(prefix: string): readonly Entry[];
  /** Nobody on this host lists `prefix` any more: what is known by it alone is dropped. */
  forget?(prefix: string): void;
  /** Linearizable while the store answers. `fresh`: throws STORE_UNAVAILABLE instead of returning what was last known. */
  get(key: string, options?: { readonly fresh?: boolean }): Promise<Entry | undefined>;
  /** Linearizable while the store answers: has every commit that was acknowledged before the call. */
  list(prefix: string, options?: ListOptions): Promise<Snapshot>;
  /** The number of entries under `prefix`: one request, and none of its content. */
  count(prefix: string): Promise<number>;
  /**
   * What was under `prefix` at an earlier revision, by what the store has today. Absent in stores that cannot be restored
   * from a backup while they are used.
   */
  past?(prefix: string, revision: Revision, options?: ListOptions): Promise<Past>;
  /** Writes all, if all `conditions` hold, or nothing. A commit may write a key once. */
  commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult>;
  /** Runs until `signal` aborts. Goes on after every failure of the store, and never throws for one. */
  watch(prefix: string, signal: AbortSignal, options?: ListOptions): AsyncIterable<WatchBatch>;
  grantLease(options: LeaseOptions): Promise<Lease>;
  /** Asks each server of the store by itself. Never rejects. Absent in stores that have none. */
  members?(): Promise<readonly StoreMember[]>;
  /**
   * Calls `listener` when the store has not answered, also where nobody waits: its watches ask it again and again. Absent in
   * stores that always answer.
   */
  onUnanswered?(listener: (error: XnetError) => void): void;
  /** An address of this host is gone: connections from it are given up at once, and watches begin anew. */
  reconnect?(): void;
}
