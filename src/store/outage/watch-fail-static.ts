/** A watch that goes on while the store is away: see fail-static-store.ts. */
import { Progress } from '../../concurrency/deadline.js';
import { LinkedAbort } from '../../concurrency/linked-abort.js';
import { Mailbox } from '../../concurrency/mailbox.js';
import type { WatchBatch } from '../store.js';
import type { Restores, Waiting } from './restores.js';

type Batches = Mailbox<WatchBatch | 'overflow'>;

/**
 * Yields the batches of the inner store's watch, and this host's own writes, which hide what the inner store has under their
 * keys. First a snapshot of what is known, if the inner store is silent for `patienceMs` before it has yielded one.
 */
export async function* watchFailStatic(
  restores: Restores,
  prefix: string,
  patienceMs: number,
  signal: AbortSignal,
): AsyncGenerator<WatchBatch> {
  const { copy } = restores;
  using until = new LinkedAbort([signal]);
  const mailbox: Batches = new Mailbox('overflow');
  const release = copy.known.watch(prefix);
  const answered = new AbortController();
  const progress = new Progress();
  void progress.untilSilent(patienceMs, answered.signal).then(() => {
    if (answered.signal.aborted || !copy.known.covers(prefix)) return;
    mailbox.push({ type: 'snapshot', snapshot: copy.recalled(prefix) });
  });
  const followed = [
    followStore(restores, prefix, { signal: until.signal, onProgress: progress.note }, (batch) => {
      // Without the question each batch would make an error, with its stack.
      if (!answered.signal.aborted) answered.abort();
      mailbox.push(batch);
    }),
    followOwn(restores, prefix, until.signal, mailbox),
  ];
  try {
    for (;;) {
      const batch = await mailbox.next(signal);
      if (batch === undefined) return;
      yield batch === 'overflow' ? { type: 'snapshot', snapshot: copy.snapshot(prefix) } : batch;
    }
  } finally {
    until.abort();
    answered.abort();
    release();
    await Promise.all(followed);
  }
}

async function followStore(
  restores: Restores,
  prefix: string,
  waiting: Waiting,
  push: (batch: WatchBatch) => void,
): Promise<void> {
  const { copy, inner } = restores;
  const { signal } = waiting;
  for await (const batch of inner.watch(prefix, signal, waiting)) {
    if (batch.type === 'snapshot') {
      await restores.takeWatched(prefix, batch.snapshot, waiting);
      if (signal.aborted) return;
      // In the same turn of the event loop: later commits of this host come with the watch's changes.
      push({ type: 'snapshot', snapshot: copy.snapshot(prefix) });
      continue;
    }
    copy.known.learnChanges(prefix, batch.changes, batch.revision);
    const changes = batch.changes.filter((change) => !copy.hasOwn(change.key));
    if (changes.length > 0) push({ ...batch, changes });
  }
}

async function followOwn(
  { copy: { feed } }: Restores,
  prefix: string,
  signal: AbortSignal,
  mailbox: Batches,
): Promise<void> {
  const nothing = () => ({ revision: 0, entries: [] });
  let begun = false;
  for await (const batch of feed.watch(prefix, nothing, signal)) {
    if (batch.type === 'changes') mailbox.push({ ...batch, isAhead: true });
    else if (begun) mailbox.push('overflow');
    begun = true;
  }
}
