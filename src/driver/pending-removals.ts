import { sleep } from '../concurrency/deadline.js';

export interface RemovalTiming {
  /** Before the second attempt; the pause doubles with each. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

/**
 * Removals that must still be done, because the store did not answer: Docker does not ask twice. Each is repeated,
 * after growing pauses, until it holds. Kept in memory only: what a daemon leaves behind when it dies is for
 * agent/forgotten-endpoints.ts.
 */
export class PendingRemovals implements AsyncDisposable {
  readonly #timing: RemovalTiming;
  readonly #removals = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(timing: RemovalTiming = { firstPauseMs: 500, longestPauseMs: 5_000 }) {
    this.#timing = timing;
  }

  get size(): number {
    return this.#removals.size;
  }

  /**
   * `remove` must be idempotent; it is repeated until it has succeeded at least `forMs` after this call. One removal
   * for each endpoint: the first stays.
   */
  add(endpointId: string, remove: () => Promise<unknown>, forMs = 0): void {
    if (this.#removals.has(endpointId) || this.#stopping.signal.aborted) return;
    this.#removals.set(endpointId, this.#repeat(endpointId, remove, forMs));
  }

  /** Resolves when the attempts under way have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#removals.values());
  }

  async #repeat(endpointId: string, remove: () => Promise<unknown>, forMs: number): Promise<void> {
    const { signal } = this.#stopping;
    const { firstPauseMs, longestPauseMs } = this.#timing;
    const until = performance.now() + forMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      await sleep(pauseMs, signal);
      if (signal.aborted) break;
      const late = performance.now() >= until;
      const done = await remove().then(
        () => true,
        () => false,
      );
      if (done && late) break;
    }
    this.#removals.delete(endpointId);
  }
}
