/** A watch that goes on while the store does not answer: see fail-static-store.ts. */
import { sleepRunning } from '../../concurrency/deadline.js';
import { Mailbox } from '../mailbox.js';
import type { Change, Snapshot, Store, WatchBatch } from '../store.js';
import type { StandIn } from './stand-in.js';

export interface FailStaticSource {
  readonly standIn: StandIn;
  readonly inner: Store;
  /** Takes in what the store has now. Resolves without effect when `signal` aborts. Never rejects. */
  readonly takeSnapshot: (snapshot: Snapshot, signal: AbortSignal) => Promise<void>;
  /** How long the store's first snapshot is waited for when an older one is known. */
  readonly patienceMs: () => number;
}

/**
 * Yields what the store tells, with this host's own writes in place of what it has under their keys; and first what is
 * known, where the store takes too long.
 */
export async function* watchFailStatic(
  source: FailStaticSource,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<WatchBatch> {
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  const mailbox = new Mailbox<WatchBatch | 'overflow'>('overflow');
  const release = source.standIn.known.watch(prefix);
  const told = new AbortController();
  void sleepRunning(source.patienceMs(), told.signal).then(() => {
    if (!told.signal.aborted) tellKnown(source, prefix, mailbox);
  });
  const followed = [
    followStore(source, prefix, until, (batch) => {
      told.abort();
      mailbox.push(batch);
    }),
    followOwn(source, prefix, until, mailbox),
  ];
  try {
    for (;;) {
      const batch = await mailbox.next(signal);
      if (batch === undefined) return;
      yield batch === 'overflow' ? { type: 'snapshot', snapshot: source.standIn.snapshot(prefix) } : batch;
    }
  } finally {
    over.abort();
    told.abort();
    release();
    await Promise.all(followed);
  }
}

function tellKnown(
  source: FailStaticSource,
  prefix: string,
  mailbox: Mailbox<WatchBatch | 'overflow'>,
): void {
  if (source.standIn.known.covers(prefix))
    mailbox.push({ type: 'snapshot', snapshot: { ...source.standIn.snapshot(prefix), recalled: true } });
}

async function followStore(
  { standIn, inner, takeSnapshot }: FailStaticSource,
  prefix: string,
  signal: AbortSignal,
  tell: (batch: WatchBatch) => void,
): Promise<void> {
  for await (const batch of inner.watch(prefix, signal)) {
    if (batch.type === 'snapshot') {
      await takeSnapshot(batch.snapshot, signal);
      if (signal.aborted) return;
      tell({ type: 'snapshot', snapshot: standIn.snapshot(prefix) });
      continue;
    }
    standIn.known.learnChanges(prefix, batch.changes, batch.revision);
    const changes = batch.changes.filter((change) => !standIn.hasOwn(changedKey(change)));
    if (changes.length > 0) tell({ ...batch, changes });
  }
}

async function followOwn(
  { standIn: { feed } }: FailStaticSource,
  prefix: string,
  signal: AbortSignal,
  mailbox: Mailbox<WatchBatch | 'overflow'>,
): Promise<void> {
  const nothing = () => ({ revision: 0, entries: [] });
  let begun = false;
  for await (const batch of feed.watch(prefix, nothing, signal)) {
    if (batch.type === 'changes') mailbox.push(batch);
    else if (begun) mailbox.push('overflow');
    begun = true;
  }
}

function changedKey(change: Change): string {
  return change.type === 'put' ? change.entry.key : change.key;
}
