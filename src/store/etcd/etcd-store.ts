/** The cluster's store, in etcd 3.4 or later. */
import { LinkedAbort } from '../../concurrency/linked-abort.js';
import { XnetError } from '../../errors.js';
import { checkCommit } from '../local/commit-rules.js';
import type {
  CommitResult,
  Condition,
  Entry,
  Lease,
  LeaseOptions,
  ListOptions,
  Past,
  Revision,
  Snapshot,
  Store,
  StoreMember,
  WatchBatch,
  Write,
} from '../store.js';
import { EtcdCalls } from './etcd-calls.js';
import { EtcdKeys } from './etcd-keys.js';
import { grantEtcdLease } from './etcd-lease.js';
import { askMember } from './etcd-members.js';
import type { EtcdOptions } from './etcd-options.js';
import { listInPages, pastInPages } from './etcd-pages.js';
import { watchEtcd } from './watch/etcd-watch.js';
import { RevisionReads } from './watch/revision-reads.js';

/** Connects when it is first used, and again when a connection is lost. The constructor does no input or output. */
export class EtcdStore implements Store {
  readonly description: string;
  readonly away = false;
  readonly #calls: EtcdCalls;
  readonly #keys: EtcdKeys;
  readonly #closing = new AbortController();
  readonly #revisions: RevisionReads;

  constructor(private readonly options: EtcdOptions) {
    // In whatever order: by it a later start recognizes what an earlier one has kept of the store.
    this.description = `etcd ${[...options.endpoints].sort().join(',')} under ${options.prefix}`;
    this.#calls = new EtcdCalls(options);
    this.#keys = new EtcdKeys(options.prefix);
    const { watchCheckMs } = this.#calls.timeouts;
    this.#revisions = new RevisionReads(() => this.#readRevision(), watchCheckMs, this.#closing.signal);
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#requireOpen();
    const { kvs } = await this.#calls.repeatable((client, options) =>
      client.kv.range({ key: this.#keys.key(key) }, options),
    );
    return kvs[0] && this.#keys.entry(kvs[0]);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Snapshot> {
    this.#requireOpen();
    return listInPages(this.#pages(prefix, options));
  }

  async count(prefix: string): Promise<number> {
    this.#requireOpen();
    const request = { ...this.#keys.range(prefix), count_only: true };
    const { count } = await this.#calls.repeatable((client, options) => client.kv.range(request, options));
    return Number(count);
  }

  async past(prefix: string, revision: Revision, options: ListOptions = {}): Promise<Past> {
    this.#requireOpen();
    return pastInPages(this.#pages(prefix, options), revision);
  }

  async commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    this.#requireOpen();
    checkCommit(conditions, writes);
    const transaction = this.#keys.transaction(conditions, writes);
    const response = await this.#calls.once((client, options) => client.kv.txn(transaction, options));
    return this.#keys.result(response);
  }

  async *watch(prefix: string, signal: AbortSignal, options: ListOptions = {}): AsyncIterable<WatchBatch> {
    using until = new LinkedAbort([signal, this.#closing.signal]);
    const source = {
      calls: this.#calls,
      keys: this.#keys,
      list: (of: string) => this.list(of, options),
      nextRevision: () => this.#revisions.next(),
    };
    yield* watchEtcd(source, prefix, until.signal);
  }

  async grantLease(options: LeaseOptions): Promise<Lease> {
    this.#requireOpen();
    return grantEtcdLease(this.#calls, options, this.#closing.signal);
  }

  async members(): Promise<readonly StoreMember[]> {
    return Promise.all(this.#calls.endpoints.map((endpoint) => askMember(endpoint, this.options.tls)));
  }

  onUnanswered(listener: (error: XnetError) => void): void {
    this.#calls.onUnanswered = listener;
  }

  reconnect(): void {
    this.#calls.reconnect();
  }

  /** Its leases are not renewed any more, and end when their time is over. To end one at once, revoke it before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#calls.close();
  }

  #pages(prefix: string, { onProgress = () => undefined }: ListOptions) {
    return { calls: this.#calls, keys: this.#keys, prefix, onProgress };
  }

  async #readRevision(): Promise<Revision> {
    const request = { key: this.#keys.key('revision'), count_only: true };
    const { header } = await this.#calls.repeatable((client, options) => client.kv.range(request, options));
    return Number(header.revision);
  }

  #requireOpen(): void {
    if (this.#closing.signal.aborted) throw new XnetError('STOPPING', 'the store is closed');
  }
}
