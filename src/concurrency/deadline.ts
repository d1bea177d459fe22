/**
 * src/concurrency: waiting, time limits, mutual exclusion, and work that is repeated. All waiting ends by time or by a signal,
 * and leaves no timer and no listener behind. Not in here: what is waited for; nothing of xnet's but its errors is imported.
 *
 * Time limits. They count only time in which this process ran (docs/decisions/0018-time-limits.md): what has come
 * but could not be read yet, since others or work of our own had the processor, is not late.
 */
import { XnetError } from '../errors.js';

/** A limit is counted in so many slices: one that took longer than its length counts as its length. */
const SLICES = 15;
const CLOCK_SLICE_MS = 100;
/** In the process's own time, so that the hosts of a cluster do not all wake at once. */
const TICK_MS = 1_000;
/** What has failed is looked for so often. */
const LOOK_MS = 500;
/** Why a limit ended. Without a reason of its own, each `abort` makes an error with a stack. */
const DECIDED = 'decided';

/**
 * Resolves or rejects as `work` does, or rejects with TIMEOUT after `timeoutMs`. The work itself goes on:
 * whoever calls this must leave work that is safe to finish late (every driver verb is idempotent).
 */
export function withDeadline<T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  // Each call of Docker's and each commit passes here, so this makes no more than a promise and a timer.
  return new Promise((resolve, reject) => {
    const cancel = afterRunning(timeoutMs, () => reject(tookLonger(what, timeoutMs)));
    void work.then(resolve, reject).then(cancel);
  });
}

/**
 * Resolves or rejects as `work` does, or rejects with TIMEOUT when it has not called what it is given for `silentMs`, or for up
 * to twice that once it has called it.
 */
export function withSilenceLimit<T>(
  work: (onProgress: () => void) => Promise<T>,
  silentMs: number,
  what: string,
): Promise<T> {
  const progress = new Progress();
  return raceLimit(work(progress.note), async (decided) => {
    await progress.untilSilent(silentMs, decided);
    throw tookLonger(what, silentMs);
  });
}

export class Progress {
  #noted = 0;

  readonly note = (): void => {
    this.#noted += 1;
  };

  /** Waits until nothing was noted for `silentMs`, or for up to twice that; or `signal` aborts. Never rejects. */
  async untilSilent(silentMs: number, signal: AbortSignal): Promise<void> {
    for (let seen = -1; seen < this.#noted && !signal.aborted; ) {
      seen = this.#noted;
      await sleepRunning(silentMs, signal);
    }
  }
}

/** For work of our own, which goes on whether it is waited for or not. */
export interface Patience {
  /** Once the work has failed, and is being tried again. */
  readonly failingMs: number;
  /** While nothing has failed: a slow machine is no failure. */
  readonly workingMs: number;
}

/**
 * Resolves or rejects as `work` does. Rejects with what `findFailure` finds from `failingMs` on, and with TIMEOUT
 * after `workingMs`.
 */
export function waitForWork<T>(
  work: Promise<T>,
  { failingMs, workingMs }: Patience,
  what: string,
  findFailure: () => unknown | Promise<unknown>,
): Promise<T> {
  return raceLimit(work, async (decided) => {
    await sleepRunning(failingMs, decided);
    for (let waitedMs = failingMs; !decided.aborted; waitedMs += LOOK_MS) {
      const failure = await findFailure();
      if (failure !== undefined) throw failure;
      if (waitedMs >= workingMs) throw tookLonger(what, workingMs);
      await sleepRunning(LOOK_MS, decided);
    }
    return work;
  });
}

function tookLonger(what: string, timeoutMs: number): XnetError {
  return new XnetError('TIMEOUT', `${what} took longer than ${timeoutMs} ms`, { timeoutMs });
}

/** Resolves or rejects as the first of `work` and `limit` does, and aborts `limit`'s signal then. */
export async function raceLimit<T, L>(
  work: Promise<T>,
  limit: (decided: AbortSignal) => Promise<L>,
): Promise<T | L> {
  const decided = new AbortController();
  try {
    return await Promise.race([work, limit(decided.signal)]);
  } finally {
    decided.abort(DECIDED);
  }
}

/**
 * `ms`, or up to a second less, so that pauses of different parts end together: what wakes an idle process costs more than what
 * is done then. Pauses below two seconds are as they are.
 */
export function untilTick(ms: number): number {
  return ms < 2 * TICK_MS ? ms : Math.ceil(ms - ((performance.now() + ms) % TICK_MS));
}

/** Waits `ms`, or less when `signal` aborts. Never rejects: each call to etcd has such a wait, and an error costs its stack. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Waits until this process has run for `ms`, or `signal` aborts. What has come by then was read. Never rejects. */
export async function sleepRunning(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = afterRunning(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Calls `done` when this process has run for `ms`, and what has come by then was read. Returns what prevents that. */
function afterRunning(ms: number, done: () => void): () => void {
  let left = SLICES;
  let immediate: NodeJS.Immediate | undefined;
  const next = () => {
    left -= 1;
    if (left > 0) timer = setTimeout(next, ms / SLICES);
    // In a turn of Node's event loop timers come before input and output (nodejs.org, "The Node.js Event Loop").
    else immediate = setImmediate(done);
  };
  let timer = setTimeout(next, ms / SLICES);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}

/** A clock that stands still while this process does not run. */
export class RunningClock implements Disposable {
  readonly #timer = setInterval(() => this.#count(), CLOCK_SLICE_MS).unref();
  #countedMs = 0;
  #since = performance.now();

  /** Since its making. */
  get ms(): number {
    return this.#countedMs + Math.min(CLOCK_SLICE_MS, performance.now() - this.#since);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #count(): void {
    this.#countedMs = this.ms;
    this.#since = performance.now();
  }
}
