/** Makes a Store of a local table: adds conditions, leases, and watches within this process. */
import { LinkedAbort } from '../../concurrency/linked-abort.js';
import { XnetError } from '../../errors.js';
import type {
  CommitResult,
  Condition,
  Entry,
  Lease,
  LeaseOptions,
  Snapshot,
  Store,
  WatchBatch,
  Write,
} from '../store.js';
import { ChangeFeed } from './change-feed.js';
import { checkCommit } from './commit-rules.js';
import { type Applied, applyCommit, applyLeaseEnd, publicEntry } from './local-commit.js';
import { LocalLeases } from './local-leases.js';
import type { LocalTable } from './local-table.js';

export class LocalStore implements Store {
  readonly away = false;
  readonly #feed = new ChangeFeed();
  readonly #leases = new LocalLeases((id) => void this.#endLease(id).catch(() => this.#retryEnd(id)));
  readonly #closing = new AbortController();

  constructor(
    private readonly table: LocalTable,
    readonly description: string,
  ) {
    this.#adoptLeases();
  }

  get diskProblem(): string | undefined {
    return this.table.problem;
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#requireOpen();
    const entry = this.table.get(key);
    return entry && publicEntry(entry);
  }

  async list(prefix: string): Promise<Snapshot> {
    this.#requireOpen();
    return this.#snapshot(prefix);
  }

  async count(prefix: string): Promise<number> {
    this.#requireOpen();
    return this.table.list(prefix).length;
  }

  async commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    this.#requireOpen();
    checkCommit(conditions, writes);
    // Before: the lease may end right after the commit.
    for (const write of writes)
      if ('put' in write && write.lease) this.#leases.noteKey(write.lease.id, write.put);
    return this.#apply(() => applyCommit(this.table, conditions, writes));
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchBatch> {
    using until = new LinkedAbort([signal, this.#closing.signal]);
    yield* this.#feed.watch(prefix, () => this.#snapshot(prefix), until.signal);
  }

  async grantLease({ ttlSeconds, keepAlive = true }: LeaseOptions): Promise<Lease> {
    this.#requireOpen();
    const id = crypto.randomUUID();
    const stored = keepAlive
      ? { id, ttlSeconds }
      : { id, ttlSeconds, expiresAt: Date.now() + ttlSeconds * 1000 };
    await this.table.transaction(() => this.table.putLease(stored));
    const lost = this.#leases.follow(stored);
    return { id, ttlSeconds, lost, revoke: () => this.#endLease(id) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#leases.close();
    await this.table.close();
  }

  #snapshot(prefix: string): Snapshot {
    return { revision: this.table.revision, entries: this.table.list(prefix).map(publicEntry) };
  }

  /** Takes over the leases that an earlier process left. */
  #adoptLeases(): void {
    const now = Date.now();
    for (const lease of this.table.leases())
      void this.#leases.follow({ expiresAt: now + lease.ttlSeconds * 1000, ...lease });
    for (const { key, lease } of this.table.list(''))
      if (lease !== undefined) this.#leases.noteKey(lease, key);
  }

  async #apply(work: () => Applied): Promise<CommitResult> {
    const { result, changes } = await this.table.transaction(work);
    if (changes.length > 0) this.#feed.publish(result.revision, changes);
    return result;
  }

  async #endLease(id: string): Promise<void> {
    if (this.#closing.signal.aborted) return;
    await this.#apply(() => applyLeaseEnd(this.table, id, this.#leases.keysOf(id)));
    this.#leases.forget(id);
  }

  /** The disk may be full for a while: the end of an expired lease is tried again until it is written. */
  #retryEnd(id: string): void {
    setTimeout(() => void this.#endLease(id).catch(() => this.#retryEnd(id)), 1000).unref();
  }

  #requireOpen(): void {
    if (this.#closing.signal.aborted) throw new XnetError('STOPPING', 'the store is closed');
  }
}
