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

/** Reads and writes of one moment; all synchronous. */
export interface LocalTransaction {
  readonly revision: Revision;
  get(key: string): StoredEntry | undefined;
  /** In key order. */
  range(prefix: string): StoredEntry[];
  put(entry: StoredEntry): void;
  remove(key: string): void;
  setRevision(revision: Revision): void;
  putLease(lease: StoredLease): void;
  removeLease(id: string): void;
  hasLease(id: string): boolean;
}

export interface LocalTable {
  readonly revision: Revision;
  get(key: string): StoredEntry | undefined;
  /** Entries and revision of one moment. */
  snapshot(prefix: string): { revision: Revision; entries: StoredEntry[] };
  leases(): StoredLease[];
  /**
   * Runs `work` alone; what it wrote is there for good when the promise resolves, and transactions resolve
   * in the order of their revisions. `work` must not throw once it has written.
   */
  transaction<T>(work: (transaction: LocalTransaction) => T): Promise<T>;
  close(): Promise<void>;
}
