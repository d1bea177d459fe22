import { sleep } from '../../concurrency/deadline.js';
import { errorMessage, isXnetError, XnetError } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';

export interface AbsenceTiming {
  /** How long what only the store can answer waits for its return. */
  readonly returnMs: number;
  /** Between two attempts to reach it. */
  readonly probeMs: number;
}

export interface AbsenceHooks {
  /** Called when one begins. */
  readonly onBegin: () => void;
  /** Tried until it succeeds and `isDone` then; resolves to how many writes were kept for the store. */
  readonly comeBack: () => Promise<number>;
  readonly isDone: () => boolean;
}

/** The time in which the store does not answer: from the first failure until `comeBack` has succeeded. */
export class Absence implements AsyncDisposable {
  readonly #hooks: AbsenceHooks;
  readonly #timing: AbsenceTiming;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  #reason: XnetError | undefined;
  #since = new Date();
  #over: Promise<void> = Promise.resolve();

  constructor(hooks: AbsenceHooks, timing: AbsenceTiming, logger: Logger) {
    this.#hooks = hooks;
    this.#timing = timing;
    this.#logger = logger;
  }

  /** Why the store is away, by the last attempt to reach it; undefined while it answers. */
  get reason(): XnetError | undefined {
    return this.#reason;
  }

  /** When it began; of no meaning while the store answers. */
  get since(): Date {
    return this.#since;
  }

  /** A failure while it is away already changes nothing. */
  begin(reason: XnetError, firstPauseMs = this.#timing.probeMs): void {
    if (this.#reason || this.#closing.signal.aborted) return;
    this.#reason = reason;
    this.#since = new Date();
    this.#logger.warn('the store does not answer; what is known goes on', { reason: reason.message });
    this.#over = this.#end(firstPauseMs);
    this.#hooks.onBegin();
  }

  /** Resolves when the store answers. Throws STORE_UNAVAILABLE with the reason when that takes too long. */
  async wait(): Promise<void> {
    if (!this.#reason) return;
    await Promise.race([this.#over, sleep(this.#timing.returnMs, this.#closing.signal)]);
    // Nothing was tried: whoever commits need not fear that it was applied.
    if (this.#reason) throw unavailable(this.#reason.message, { applied: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#over;
  }

  /** Never rejects. */
  async #end(firstPauseMs: number): Promise<void> {
    const { signal } = this.#closing;
    const startedAt = performance.now();
    let kept = 0;
    for (let pauseMs = firstPauseMs; ; pauseMs = this.#timing.probeMs) {
      await sleep(pauseMs, signal);
      if (signal.aborted) return;
      try {
        // Again at once when something was kept after the last of it had been handed over.
        do kept += await this.#hooks.comeBack();
        while (!this.#hooks.isDone());
        this.#reason = undefined;
        const afterMs = Math.round(performance.now() - startedAt);
        this.#logger.info('the store answers again', { afterMs, kept });
        return;
      } catch (error: unknown) {
        if (isXnetError(error, 'STORE_UNAVAILABLE')) this.#reason = error;
        this.#logger.debug('the store does not answer yet', { reason: errorMessage(error) });
      }
    }
  }
}

export function unavailable(message: string, fields: Record<string, unknown> = {}): XnetError {
  return new XnetError('STORE_UNAVAILABLE', message, fields);
}
