import { sleep, untilTick } from '../../../concurrency/deadline.js';
import type { Revision } from '../../store.js';

/**
 * Reads of the store's revision, by which watches prove that they still see everything. All watches share them, so that they
 * ask etcd in one go and the host is woken once.
 */
export class RevisionReads {
  #next: Promise<Revision | undefined> | undefined;

  /** `read` is linearizable. `everyMs`: the longest pause between two; as `untilTick`. */
  constructor(
    private readonly read: () => Promise<Revision>,
    private readonly everyMs: number,
    private readonly closing: AbortSignal,
  ) {}

  /** Resolves to what the next read finds, which begins after this call; undefined: it failed, or the store is closed. */
  next(): Promise<Revision | undefined> {
    this.#next ??= this.#readLater();
    return this.#next;
  }

  async #readLater(): Promise<Revision | undefined> {
    await sleep(untilTick(this.everyMs), this.closing);
    this.#next = undefined;
    if (this.closing.aborted) return undefined;
    return this.read().catch(() => undefined);
  }
}
