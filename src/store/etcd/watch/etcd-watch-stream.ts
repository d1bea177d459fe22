/**
 * One watch on one endpoint, from a revision on. It ends at the first sign that a change may be missing.
 *
 * etcd3's own watcher is not used: when it reconnects, it resumes from the revision of the reply that opened it, and
 * loses changes that were on their way. Each watch is a gRPC stream of its own; all share the endpoint's connection.
 */
import { castGrpcError, type Etcd3, type IEvent, type IWatchResponse } from 'etcd3';
import { Mailbox } from '../../../concurrency/mailbox.js';
import type { Change, Revision } from '../../store.js';
import type { EtcdKeys } from '../etcd-keys.js';

export interface StreamEnd {
  readonly cause: unknown;
  /** Whether the endpoint is to blame, and whether its connection may be dead. */
  readonly fault: 'none' | 'endpoint' | 'hung';
}

export type StreamEvent =
  | { readonly type: 'changes'; readonly revision: Revision; readonly changes: readonly Change[] }
  | ({ readonly type: 'end' } & StreamEnd);

type Stream = Awaited<ReturnType<Etcd3['watchClient']['watch']>>;

export class EtcdWatchStream {
  /** In the order of arrival; nothing comes after 'end'. */
  readonly events = new Mailbox<StreamEvent>({
    type: 'end',
    cause: new Error('the reader is too slow'),
    fault: 'none',
  });
  /** Called after each answer of the endpoint. */
  onAnswer: (() => void) | undefined;
  #seen: Revision;
  #answered = false;

  constructor(
    private readonly keys: EtcdKeys,
    private readonly stream: Stream,
    after: Revision,
  ) {
    this.#seen = after;
  }

  /** Asks for all changes under `prefix` after the revision given to the constructor. */
  start(prefix: string): void {
    this.stream.on('data', (response) => this.#receive(response));
    this.stream.on('error', (error) => this.end({ cause: castGrpcError(error), fault: 'endpoint' }));
    this.stream.on('end', () => this.end({ cause: new Error('etcd ended the watch'), fault: 'endpoint' }));
    this.stream.write({ create_request: { ...this.keys.range(prefix), start_revision: this.#seen + 1 } });
  }

  /** The highest revision that the endpoint has shown on this stream; at first the one that the stream starts after. */
  get seen(): Revision {
    return this.#seen;
  }

  /** Whether the endpoint has answered on this stream at all. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Asks for a reply with the revision up to which all has been sent (etcd 3.4 or later). */
  askProgress(): void {
    this.stream.write({ progress_request: {} });
  }

  end(end: StreamEnd): void {
    this.events.push({ type: 'end', ...end });
  }

  /** Ends the watch in etcd. Ended first, because etcd3 takes the cancelling of an open stream for a failure. */
  close(): void {
    this.stream.end();
    this.stream.cancel();
  }

  #receive(response: IWatchResponse): void {
    this.#answered = true;
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
    const last = changes.at(-1);
    if (last) this.events.push({ type: 'changes', revision: last.revision, changes });
    this.onAnswer?.();
  }

  #change({ type, kv }: IEvent): Change {
    const entry = type.toUpperCase() === 'DELETE' ? undefined : this.keys.entry(kv);
    return { key: this.keys.ours(kv.key), revision: Number(kv.mod_revision), entry };
  }
}
