/**
 * src/store/etcd/watch: watches of etcd that miss nothing. Not in here: what a change means.
 *
 * A watch that survives every failure of etcd: whenever a change may be missing, it lists the prefix again, yields that as a
 * snapshot, and opens a new stream, perhaps on another endpoint.
 */
import { sleep, sleepRunning } from '../../../concurrency/deadline.js';
import { LinkedAbort } from '../../../concurrency/linked-abort.js';
import type { Revision, Snapshot, WatchBatch } from '../../store.js';
import type { EtcdCalls } from '../etcd-calls.js';
import type { EtcdEndpoint } from '../etcd-endpoint.js';
import { describeFailure } from '../etcd-failure.js';
import type { EtcdKeys } from '../etcd-keys.js';
import { EtcdWatchStream, type StreamEnd } from './etcd-watch-stream.js';

export interface EtcdWatchSource {
  readonly calls: EtcdCalls;
  readonly keys: EtcdKeys;
  list(prefix: string): Promise<Snapshot>;
  /** The store's revision in some seconds, as RevisionReads has it. */
  nextRevision(): Promise<Revision | undefined>;
}

/** How long an endpoint has, to show the revision of a read on the stream. */
const REPLY_MS = 2500;

export async function* watchEtcd(
  source: EtcdWatchSource,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<WatchBatch> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    const startedAt = performance.now();
    try {
      yield* watchUntilDoubt(source, prefix, signal);
    } catch {
      // The store cannot be listed now. Its callers get the reason; a watch tries again.
    }
    if (performance.now() - startedAt > 10_000) failures = 0;
    await sleep(backoffMs(failures), signal);
  }
}

async function* watchUntilDoubt(
  source: EtcdWatchSource,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<WatchBatch> {
  using connection = new LinkedAbort([source.calls.reconnected]);
  const snapshot = await source.list(prefix);
  const endpoint = source.calls.preferred();
  const stream = await openStream(source, endpoint, snapshot.revision);
  using over = new LinkedAbort([signal]);
  const giveUp = () => stream.end({ cause: new Error('the connection is given up'), fault: 'none' });
  try {
    connection.signal.addEventListener('abort', giveUp);
    if (connection.signal.aborted) giveUp();
    stream.start(prefix);
    void guard(source, stream, over.signal);
    yield { type: 'snapshot', snapshot };
    for (;;) {
      const event = await stream.events.next(signal);
      if (event === undefined) return;
      if (event.type === 'end') {
        blame(source.calls, endpoint, event);
        return;
      }
      yield event;
    }
  } finally {
    over.abort();
    stream.close();
  }
}

async function openStream(
  { calls, keys }: EtcdWatchSource,
  endpoint: EtcdEndpoint,
  after: Revision,
): Promise<EtcdWatchStream> {
  try {
    const options = await endpoint.streamOptions(calls.timeouts.tryMs);
    const stream = await endpoint.streams.client.watchClient.watch(options);
    return new EtcdWatchStream(keys, stream, after);
  } catch (error: unknown) {
    calls.noteFailure(endpoint, describeFailure(error).kind);
    throw error;
  }
}

/**
 * Compares the stream with reads of the store, which any endpoint may answer. Ends the stream in two cases:
 * - Its endpoint does not show the revision of a read within REPLY_MS: the endpoint is frozen, cut off from this host, or cut
 *   off from the other members.
 * - A read has an earlier revision than the stream: etcd was restored from a backup, and would send no change until its
 *   revisions have got that far again.
 * While reads fail, the stream stays.
 */
async function guard(source: EtcdWatchSource, stream: EtcdWatchStream, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    // Before the read, so that the read cannot be the earlier one.
    const { seen } = stream;
    const revision = await source.nextRevision();
    if (revision === undefined || over.aborted) continue;
    if (revision < seen) {
      stream.end({ cause: new Error('etcd was put back to an earlier revision'), fault: 'none' });
      return;
    }
    if ((await shows(stream, revision, over)) || over.aborted) continue;
    stream.end({ cause: new Error('the watch fell silent'), fault: 'hung' });
    return;
  }
}

/**
 * Resolves as soon as the endpoint has shown the revision; to false when it has not within REPLY_MS. It is asked only where
 * it has not shown it anyway: while nothing changes in etcd, a watch costs nothing.
 */
async function shows(stream: EtcdWatchStream, revision: Revision, over: AbortSignal): Promise<boolean> {
  const isShown = () => stream.answered && stream.seen >= revision;
  if (isShown()) return true;
  using waiting = new LinkedAbort([over]);
  stream.onAnswer = () => {
    if (isShown()) waiting.abort();
  };
  stream.askProgress();
  await sleepRunning(REPLY_MS, waiting.signal);
  stream.onAnswer = undefined;
  return isShown();
}

function blame(calls: EtcdCalls, endpoint: EtcdEndpoint, { cause, fault }: StreamEnd): void {
  if (fault === 'none') return;
  if (fault === 'hung') endpoint.streams.renew();
  const { kind } = describeFailure(cause);
  // An expired token is answered to a watch as a lack of permission (etcd 3.4).
  calls.noteFailure(endpoint, kind === 'denied' ? 'stale-token' : kind);
}

/** 100 ms doubling to 3 s, with full jitter above half. */
function backoffMs(failures: number): number {
  return (0.5 + Math.random() / 2) * Math.min(3000, 100 * 2 ** Math.min(failures, 10));
}
