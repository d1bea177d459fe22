/** Passes the changes of a store on one host to its watches. */
import { Mailbox } from '../../concurrency/mailbox.js';
import type { Change, Revision, Snapshot, WatchBatch } from '../store.js';

type Notice = { readonly revision: Revision; readonly changes: readonly Change[] } | 'overflow';

export class ChangeFeed {
  readonly #mailboxes = new Set<Mailbox<Notice>>();

  /** To be called in the order of revisions, after the commit is visible to `snapshot` of the watches. */
  publish(revision: Revision, changes: readonly Change[]): void {
    for (const mailbox of this.#mailboxes) mailbox.push({ revision, changes });
  }

  /** As Store.watch; a watch that falls too far behind gets a new snapshot. */
  async *watch(prefix: string, snapshot: () => Snapshot, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    const mailbox = new Mailbox<Notice>('overflow');
    this.#mailboxes.add(mailbox);
    try {
      while (!signal.aborted) {
        const from = snapshot();
        yield { type: 'snapshot', snapshot: from };
        yield* changesAfter(from.revision, prefix, mailbox, signal);
      }
    } finally {
      this.#mailboxes.delete(mailbox);
    }
  }
}

/** Ends on overflow and when `signal` aborts. */
async function* changesAfter(
  seen: Revision,
  prefix: string,
  mailbox: Mailbox<Notice>,
  signal: AbortSignal,
): AsyncGenerator<WatchBatch> {
  for (;;) {
    const notice = await mailbox.next(signal);
    if (notice === undefined || notice === 'overflow') return;
    // A commit can be visible to the snapshot before it is published.
    if (notice.revision <= seen) continue;
    const changes = notice.changes.filter((change) => change.key.startsWith(prefix));
    if (changes.length > 0) yield { type: 'changes', revision: notice.revision, changes };
  }
}
