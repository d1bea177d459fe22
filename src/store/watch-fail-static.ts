/** A watch that goes on while the store does not answer: see fail-static-store.ts. */
import type { ChangeFeed } from './change-feed.js';
import type { LastKnown } from './last-known.js';
import { Mailbox } from './mailbox.js';
import type { Change, Snapshot, Store, WatchBatch } from './store.js';

export interface FailStaticSource {
  readonly known: LastKnown;
  /** Of this host's own writes. */
  readonly feed: ChangeFeed;
  readonly inner: Store;
  /** What is known now, own writes included. */
  readonly snapshot: () => Snapshot;
  /** This host has written the key, and the store does not have that yet. */
  readonly isOwn: (key: string) => boolean;
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
  const release = source.known.watch(prefix);
  const timer = setTimeout(() => tellKnown(source, prefix, mailbox), source.patienceMs());
  const followed = [
    followStore(source, prefix, until, (batch) => {
      clearTimeout(timer);
      mailbox.push(batch);
    }),
    followOwn(source, prefix, until, mailbox),
  ];
  try {
    for (;;) {
      const batch = await mailbox.next(signal);
      if (batch === undefined) return;
      yield batch === 'overflow' ? { type: 'snapshot', snapshot: source.snapshot() } : batch;
    }
  } finally {
    over.abort();
    clearTimeout(timer);
    release();
    await Promise.all(followed);
  }
}

function tellKnown(
  source: FailStaticSource,
  prefix: string,
  mailbox: Mailbox<WatchBatch | 'overflow'>,
): void {
  if (source.known.covers(prefix)) mailbox.push({ type: 'snapshot', snapshot: source.snapshot() });
}

async function followStore(
  { known, inner, snapshot, isOwn }: FailStaticSource,
  prefix: string,
  signal: AbortSignal,
  tell: (batch: WatchBatch) => void,
): Promise<void> {
  for await (const batch of inner.watch(prefix, signal)) {
    if (batch.type === 'snapshot') {
      known.learnWatched(prefix, batch.snapshot);
      tell({ type: 'snapshot', snapshot: snapshot() });
      continue;
    }
    known.learnChanges(prefix, batch.changes, batch.revision);
    const changes = batch.changes.filter((change) => !isOwn(changedKey(change)));
    if (changes.length > 0) tell({ ...batch, changes });
  }
}

async function followOwn(
  { feed }: FailStaticSource,
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
