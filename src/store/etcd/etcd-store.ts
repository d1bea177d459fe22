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
  Past,
  Revision,
  Snapshot,
  Store,
  WatchBatch,
  Write,
} from '../store.js';
import { EtcdCalls } from './etcd-calls.js';
import { pastNotKept } from './etcd-failure.js';
import { EtcdKeys } from './etcd-keys.js';
import { grantEtcdLease } from './etcd-lease.js';
import type { EtcdOptions } from './etcd-options.js';
import { watchEtcd } from './etcd-watch.js';

/** Connects when it is first used, and again when a connection is lost. The constructor does no input or output. */
export class EtcdStore implements Store {
  readonly description: string;
  readonly away = false;
  readonly #calls: EtcdCalls;
  readonly #keys: EtcdKeys;
  readonly #closing = new AbortController();
  #probe: { readonly at: number; readonly revision: Promise<Revision> } | undefined;

  constructor(options: EtcdOptions) {
    this.description = `etcd ${options.endpoints.join(',')} under ${options.prefix}`;
    this.#calls = new EtcdCalls(options);
    this.#keys = new EtcdKeys(options.prefix);
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#requireOpen();
    const { kvs } = await this.#calls.repeatable((client, options) =>
      client.kv.range({ key: this.#keys.key(key) }, options),
    );
    return kvs[0] && this.#keys.entry(kvs[0]);
  }

  async list(prefix: string): Promise<Snapshot> {
    this.#requireOpen();
    const { header, kvs } = await this.#calls.repeatable((client, options) =>
      client.kv.range(this.#keys.range(prefix), options),
    );
    return { revision: Number(header.revision), entries: kvs.map((kv) => this.#keys.entry(kv)) };
  }

  async count(prefix: string): Promise<number> {
    this.#requireOpen();
    const request = { ...this.#keys.range(prefix), count_only: true };
    const { count } = await this.#calls.repeatable((client, options) => client.kv.range(request, options));
    return Number(count);
  }

  async past(prefix: string, revision: Revision): Promise<Past> {
    this.#requireOpen();
    return this.#calls.repeatable(async (client, options) => {
      try {
        const request = { ...this.#keys.range(prefix), revision: `${revision}` };
        const { kvs } = await client.kv.range(request, options);
        return kvs.map((kv) => this.#keys.entry(kv));
      } catch (error: unknown) {
        return pastNotKept(error);
      }
    });
  }

  async commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    this.#requireOpen();
    checkCommit(conditions, writes);
    const transaction = this.#keys.transaction(conditions, writes);
    const response = await this.#calls.once((client, options) => client.kv.txn(transaction, options));
    return this.#keys.result(response);
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchBatch> {
    using until = new LinkedAbort([signal, this.#closing.signal]);
    const source = {
      calls: this.#calls,
      keys: this.#keys,
      list: (of: string) => this.list(of),
      currentRevision: () => this.#currentRevision(),
    };
    yield* watchEtcd(source, prefix, until.signal);
  }

  async grantLease(options: LeaseOptions): Promise<Lease> {
    this.#requireOpen();
    return grantEtcdLease(this.#calls, options, this.#closing.signal);
  }

  reconnect(): void {
    this.#calls.reconnect();
  }

  /** Its leases are not renewed any more, and end when their time is over. To end one at once, revoke it before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#calls.close();
  }

  /** All watches that ask within a second share one read. No watch gets a read that began before its last check. */
  #currentRevision(): Promise<Revision> {
    const sharedMs = Math.min(1000, this.#calls.timeouts.watchCheckMs / 2);
    if (!this.#probe || Date.now() - this.#probe.at > sharedMs) {
      this.#probe = { at: Date.now(), revision: this.#readRevision() };
    }
    return this.#probe.revision;
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
