/** A watch that goes on while the store is away: see fail-static-store.ts. */
import { sleepRunning } from '../../concurrency/deadline.js';
import { LinkedAbort } from '../../concurrency/linked-abort.js';
import { Mailbox } from '../mailbox.js';
import type { Snapshot, Store, WatchBatch } from '../store.js';
import type { WorkingCopy } from './working-copy.js';

export interface FailStaticSource {
  readonly copy: WorkingCopy;
  readonly inner: Store;
  /** Updates `copy` by a snapshot of the inner store. Resolves without effect when `signal` aborts. Never rejects. */
  readonly takeSnapshot: (snapshot: Snapshot, signal: AbortSignal) => Promise<void>;
  /** After this time without a snapshot of the inner store, what is known is yielded. */
  readonly patienceMs: () => number;
}

/**
 * Yields the batches of the inner store's watch, and this host's own writes, which hide what the inner store has under their
 * keys. First a snapshot of what is known, if the inner store has yielded none within `patienceMs`.
 */
export async function* watchFailStatic(
  source: FailStaticSource,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<WatchBatch> {
  using until = new LinkedAbort([signal]);
  const mailbox = new Mailbox<WatchBatch | 'overflow'>('overflow');
  const release = source.copy.known.watch(prefix);
  const answered = new AbortController();
  void sleepRunning(source.patienceMs(), answered.signal).then(() => {
    if (!answered.signal.aborted) pushKnown(source, prefix, mailbox);
  });
  const followed = [
    followStore(source, prefix, until.signal, (batch) => {
      answered.abort();
      mailbox.push(batch);
    }),
    followOwn(source, prefix, until.signal, mailbox),
  ];
  try {
    for (;;) {
      const batch = await mailbox.next(signal);
      if (batch === undefined) return;
      yield batch === 'overflow' ? { type: 'snapshot', snapshot: source.copy.snapshot(prefix) } : batch;
    }
  } finally {
    until.abort();
    answered.abort();
    release();
    await Promise.all(followed);
  }
}

function pushKnown(
  source: FailStaticSource,
  prefix: string,
  mailbox: Mailbox<WatchBatch | 'overflow'>,
): void {
  if (source.copy.known.covers(prefix))
    mailbox.push({ type: 'snapshot', snapshot: { ...source.copy.snapshot(prefix), recalled: true } });
}

async function followStore(
  { copy, inner, takeSnapshot }: FailStaticSource,
  prefix: string,
  signal: AbortSignal,
  push: (batch: WatchBatch) => void,
): Promise<void> {
  for await (const batch of inner.watch(prefix, signal)) {
    if (batch.type === 'snapshot') {
      await takeSnapshot(batch.snapshot, signal);
      if (signal.aborted) return;
      push({ type: 'snapshot', snapshot: copy.snapshot(prefix) });
      continue;
    }
    copy.known.learnChanges(prefix, batch.changes, batch.revision);
    const changes = batch.changes.filter((change) => !copy.hasOwn(change.key));
    if (changes.length > 0) push({ ...batch, changes });
  }
}

async function followOwn(
  { copy: { feed } }: FailStaticSource,
  prefix: string,
  signal: AbortSignal,
  mailbox: Mailbox<WatchBatch | 'overflow'>,
): Promise<void> {
  const nothing = () => ({ revision: 0, entries: [] });
  let begun = false;
  for await (const batch of feed.watch(prefix, nothing, signal)) {
    if (batch.type === 'changes') mailbox.push({ ...batch, isAhead: true });
    else if (begun) mailbox.push('overflow');
    begun = true;
  }
}
