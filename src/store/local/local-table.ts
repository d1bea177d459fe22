/**
 * What a store on one host keeps, in whatever medium: entries in key order, leases, and the last revision. LocalStore makes
 * a Store of it.
 */
import type { Entry, Revision } from '../store.js';

export interface StoredEntry extends Entry {
  /** Id of the lease that the entry vanishes with. */
  readonly lease?: string;
}

export interface StoredLease {
  readonly id: string;
  readonly ttlSeconds: number;
  /** Wall clock, ms; absent while a process keeps it alive. */
  readonly expiresAt?: number;
}

/** Reads are of one moment, as long as nothing is waited for in between. */
export interface LocalTable {
  readonly revision: Revision;
  get(key: string): StoredEntry | undefined;
  /** In key order. */
  list(prefix: string): StoredEntry[];
  leases(): StoredLease[];
  hasLease(id: string): boolean;
  /**
   * Runs `work` alone; what it wrote is there for good when the promise resolves, and transactions resolve
   * in the order of their revisions. `work` must not throw once it has written.
   */
  transaction<T>(work: () => T): Promise<T>;
  /** These are called in a transaction only. */
  put(entry: StoredEntry): void;
  remove(key: string): void;
  setRevision(revision: Revision): void;
  putLease(lease: StoredLease): void;
  removeLease(id: string): void;
  /** Why the last transaction failed, for people; undefined when it did not. */
  readonly problem?: string | undefined;
  close(): Promise<void>;
}
