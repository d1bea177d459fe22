/**
 * One watch on one endpoint, from a revision on, until the first doubt.
 *
 * We do not use etcd3's watcher: on reconnect it resumes from the revision of the reply that opened it, and
 * loses what was on its way. Each watch is a gRPC stream of its own; they share the endpoint's connection.
 */
import { castGrpcError, type Etcd3, type IEvent, type IWatchResponse } from 'etcd3';
import { Mailbox } from '../mailbox.js';
import type { Change, Revision } from '../store.js';
import type { EtcdKeys } from './etcd-keys.js';

export interface WatchEnd {
  readonly cause: unknown;
  /** Whether the endpoint is to blame, and whether its connection may be dead. */
  readonly fault: 'none' | 'endpoint' | 'hung';
}

export type WatchNews =
  | { readonly type: 'changes'; readonly revision: Revision; readonly changes: readonly Change[] }
  | ({ readonly type: 'end' } & WatchEnd);

type Stream = Awaited<ReturnType<Etcd3['watchClient']['watch']>>;

export class EtcdWatchStream {
  /** What came, in order; after 'end' nothing more. */
  readonly news = new Mailbox<WatchNews>({
    type: 'end',
    cause: new Error('the reader is too slow'),
    fault: 'none',
  });
  readonly #keys: EtcdKeys;
  readonly #stream: Stream;
  #seen: Revision;
  #heard = false;

  constructor(keys: EtcdKeys, stream: Stream, after: Revision) {
    this.#keys = keys;
    this.#stream = stream;
    this.#seen = after;
  }

  /** Asks for all changes under `prefix` after the revision given to the constructor. */
  start(prefix: string): void {
    this.#stream.on('data', (response) => this.#receive(response));
    this.#stream.on('error', (error) => this.end({ cause: castGrpcError(error), fault: 'endpoint' }));
    this.#stream.on('end', () => this.end({ cause: new Error('etcd ended the watch'), fault: 'endpoint' }));
    this.#stream.write({ create_request: { ...this.#keys.range(prefix), start_revision: this.#seen + 1 } });
  }

  /** The endpoint has shown on this stream that it knows of this revision. */
  get seen(): Revision {
    return this.#seen;
  }

  /** Whether the endpoint has answered on this stream at all. */
  get heard(): boolean {
    return this.#heard;
  }

  /** Asks for a reply with the revision up to which all has been sent (etcd 3.4 or later). */
  askProgress(): void {
    this.#stream.write({ progress_request: {} });
  }

  end(end: WatchEnd): void {
    this.news.push({ type: 'end', ...end });
  }

  /** Ends the watch in etcd. Ended first, because etcd3 takes the cancelling of an open stream for a failure. */
  close(): void {
    this.#stream.end();
    this.#stream.cancel();
  }

  #receive(response: IWatchResponse): void {
    this.#heard = true;
    if (response.canceled) {
      const compacted = response.compact_revision !== '0';
      this.end({ cause: new Error(response.cancel_reason), fault: compacted ? 'none' : 'endpoint' });
      return;
    }
    // The reply to the request carries the store's revision before what follows the start has been sent.
    if (response.created) return;
    const changes = response.events.map((event) => this.#change(event));
    const revision = Math.max(this.#seen, Number(response.header.revision));
    this.#seen = revision;
    if (changes.length > 0) this.news.push({ type: 'changes', revision: lastRevision(changes), changes });
  }

  #change({ type, kv }: IEvent): Change {
    return type.toUpperCase() === 'DELETE'
      ? { type: 'remove', key: this.#keys.ours(kv.key), revision: Number(kv.mod_revision) }
      : { type: 'put', entry: this.#keys.entry(kv) };
  }
}

function lastRevision(changes: readonly Change[]): Revision {
  const last = changes.at(-1);
  if (last === undefined) return 0;
  return last.type === 'put' ? last.entry.revision : last.revision;
}
