import { sleep } from '../concurrency/deadline.js';

export interface UnfinishedTiming {
  readonly everyMs: number;
  /** A commit of unknown fate can still be applied for this long. */
  readonly forMs: number;
}

/**
 * Giving back what this host no longer wants but could not give back, or does not know whether it holds,
 * because the store did not answer. Each task is repeated until it has succeeded at least `forMs` after it was
 * added. Kept in memory only: what a daemon leaves behind when it dies is for the agent's sweep.
 */
export class Unfinished implements AsyncDisposable {
  readonly #timing: UnfinishedTiming;
  readonly #tasks = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(timing: UnfinishedTiming = { everyMs: 1_000, forMs: 30_000 }) {
    this.#timing = timing;
  }

  get size(): number {
    return this.#tasks.size;
  }

  has(token: string): boolean {
    return this.#tasks.has(token);
  }

  /** `token` names the claim or reference to be given back; `task` must be idempotent. */
  add(token: string, task: () => Promise<unknown>): void {
    if (this.#tasks.has(token) || this.#stopping.signal.aborted) return;
    this.#tasks.set(token, this.#repeat(token, task));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#tasks.values());
  }

  async #repeat(token: string, task: () => Promise<unknown>): Promise<void> {
    const { signal } = this.#stopping;
    const until = Date.now() + this.#timing.forMs;
    for (;;) {
      await sleep(this.#timing.everyMs, signal);
      if (signal.aborted) break;
      const late = Date.now() >= until;
      const done = await task().then(
        () => true,
        () => false,
      );
      if (done && late) break;
    }
    this.#tasks.delete(token);
  }
}
