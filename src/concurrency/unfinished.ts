import { sleep } from './deadline.js';

export interface UnfinishedTiming {
  /** Before the first attempt; the pause doubles with each. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** The least for which a task is repeated, where `add` gives none. Default 0. */
  readonly forMs?: number;
}

/**
 * Tasks that the store's absence left undone, or that may have to be done again: mostly removals, for which Docker does not
 * ask twice. Each is repeated, after growing pauses, until it has succeeded.
 * Kept in memory only: what a daemon leaves behind when it dies is for the agent's sweeps.
 */
export class Unfinished implements AsyncDisposable {
  readonly #tasks = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(private readonly timing: UnfinishedTiming = { firstPauseMs: 500, longestPauseMs: 5_000 }) {}

  get size(): number {
    return this.#tasks.size;
  }

  has(key: string): boolean {
    return this.#tasks.has(key);
  }

  /**
   * `task` must be idempotent; it is repeated until it has succeeded at least `forMs` after this call: for so long a
   * commit of unknown outcome may still be applied. One task for each key: the first stays.
   */
  add(key: string, task: () => Promise<unknown>, forMs = this.timing.forMs ?? 0): void {
    if (this.#tasks.has(key) || this.#stopping.signal.aborted) return;
    this.#tasks.set(key, this.#repeat(key, task, forMs));
  }

  /** Resolves when the attempts under way have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#tasks.values());
  }

  async #repeat(key: string, task: () => Promise<unknown>, forMs: number): Promise<void> {
    const { signal } = this.#stopping;
    const { firstPauseMs, longestPauseMs } = this.timing;
    const until = performance.now() + forMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      await sleep(pauseMs, signal);
      if (signal.aborted) break;
      const late = performance.now() >= until;
      const done = await task().then(
        () => true,
        () => false,
      );
      if (done && late) break;
    }
    this.#tasks.delete(key);
  }
}
