/** Waiting for work of our own, which goes on whether it is waited for or not. */
import { raceLimit, sleepRunning, timeoutError } from './deadline.js';

export interface Patience {
  /** Once the work has failed, and is being tried again. */
  readonly failingMs: number;
  /** While nothing has failed: a slow machine is no failure. */
  readonly workingMs: number;
}

/** What has failed is looked for so often. */
const LOOK_MS = 500;

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
      if (waitedMs >= workingMs) break;
      await sleepRunning(LOOK_MS, decided);
    }
    throw timeoutError(what, workingMs);
  });
}
