/**
 * src/store: where the state of the cluster is. `etcd/` and `local/` keep it; `known/` and `outage/` go on with what was last
 * known while etcd does not answer. Guarantee: what a commit has written all hosts see, in one order, or nobody does. Not in
 * here: what a record means, but for whose it is (`known/own-keys.ts`).
 *
 * Below is the contract of a store: an ordered map of strings with revisions, compare-and-commit,
 * leases and watches. Implementations: EtcdStore (cluster), LmdbStore (one host);
 * one contract suite runs over all of them.
 *
 * Failures are XnetErrors: STORE_UNAVAILABLE (names the endpoint and what failed) and STORE_DENIED.
 * A commit that fails with STORE_UNAVAILABLE *may have been applied*, unless `fields.applied` is false. So every value written names its
 * owner, and a caller that finds its own value on the next try counts it as success (see transact.ts).
 */

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
  /** As it was last known: the store itself has not answered. */
  readonly recalled?: true;
}

/** `to come`: it has not had that revision. `forgotten`: it has, and does not keep what it had then. */
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

export type Change =
  | { readonly type: 'put'; readonly entry: Entry }
  | { readonly type: 'remove'; readonly key: string; readonly revision: Revision };

/**
 * What a watch yields: first a snapshot, then batches of changes that follow it without a gap. After any
 * doubt (lost connection, compaction, lost member) another snapshot comes and replaces all known before.
 */
export type WatchBatch =
  /** After one that is `recalled` comes another, when the store answers. */
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly type: 'changes'; readonly revision: Revision; readonly changes: readonly Change[] };

/** Keys written under a lease vanish when it ends: on revoke, or `ttlSeconds` after the last keep-alive. */
export interface Lease {
  readonly id: string;
  readonly ttlSeconds: number;
  /** Resolves when the lease is known to be lost or was revoked; never rejects. */
  readonly lost: Promise<void>;
  /** Ends the lease and removes its keys. Idempotent. */
  revoke(): Promise<void>;
}

export interface LeaseOptions {
  readonly ttlSeconds: number;
  /** false: nobody renews it, its keys vanish after `ttlSeconds` (used for resting addresses). Default true. */
  readonly keepAlive?: boolean;
}

export interface Store extends AsyncDisposable {
  /** For people: `embedded /var/lib/xnet/store` or `etcd https://h1:2379,...`; no secrets. */
  readonly description: string;
  /** True while the store does not answer and is stood in for on this host (see fail-static-store.ts). */
  readonly away: boolean;
  /** Why it is away, for people. */
  readonly problem?: string | undefined;
  /** Since when it is. */
  readonly awaySince?: Date | undefined;
  /** Why what it keeps on this host cannot be written, for people. */
  readonly diskProblem?: string | undefined;
  /**
   * What was last known under `prefix`, also of an earlier run, without asking anybody; undefined where not all of it
   * is known. Only stores that keep that on this host have it.
   */
  recall?(prefix: string): readonly Entry[] | undefined;
  /** Linearizable. `fresh`: throws STORE_UNAVAILABLE in place of what was last known. */
  get(key: string, options?: { readonly fresh?: boolean }): Promise<Entry | undefined>;
  /** Linearizable: sees every commit acknowledged before the call. */
  list(prefix: string): Promise<Snapshot>;
  /**
   * What was under `prefix` at an earlier revision, as the store has it today. Absent where nobody can put another past in
   * its place.
   */
  past?(prefix: string, revision: Revision): Promise<Past>;
  /** Writes all or nothing, only if all `conditions` hold. A key may be written once in a commit. */
  commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult>;
  /** Runs until `signal` aborts; survives every failure of the store by itself and never throws for one. */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchBatch>;
  grantLease(options: LeaseOptions): Promise<Lease>;
  /** An address of this host is gone: what hangs on connections from it is given up at once, and asked anew. */
  reconnect?(): void;
}
