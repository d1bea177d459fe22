import { sleep, sleepRunning } from '../../concurrency/deadline.js';
import { errorMessage, isXnetError, XnetError } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';

export interface OutageTiming {
  /** How long a call that only the store can answer waits until it answers again. */
  readonly returnMs: number;
  /** Between two attempts to come back. */
  readonly probeMs: number;
}

export interface OutageHooks {
  /** Called when the store is away from now on. */
  readonly onBegin: () => void;
  /** Called until it succeeds and `isDone` returns true; resolves to the number of own writes that were replayed. */
  readonly comeBack: () => Promise<number>;
  readonly isDone: () => boolean;
}

/** Whether the store is away: from the first call without an answer until `comeBack` has succeeded. */
export class Outage implements AsyncDisposable {
  readonly #closing = new AbortController();
  #reason: XnetError | undefined;
  #since = new Date();
  #over: Promise<void> = Promise.resolve();

  constructor(
    private readonly hooks: OutageHooks,
    private readonly timing: OutageTiming,
    private readonly logger: Logger,
  ) {}

  /** Why the store is away, by the last attempt to reach it; undefined while it answers. */
  get reason(): XnetError | undefined {
    return this.#reason;
  }

  /** Since when the store is away; undefined while it answers. */
  get since(): Date | undefined {
    return this.#reason && this.#since;
  }

  /** Without effect while the store is away already. */
  begin(reason: XnetError, firstPauseMs = this.timing.probeMs): void {
    if (this.#reason || this.#closing.signal.aborted) return;
    this.#reason = reason;
    this.#since = new Date();
    this.logger.warn('the store does not answer; what is known goes on', { reason: reason.message });
    this.#over = this.#end(firstPauseMs);
    this.hooks.onBegin();
  }

  /** Resolves when the store answers. Throws STORE_UNAVAILABLE with the reason after `returnMs`. */
  async wait(): Promise<void> {
    if (!this.#reason) return;
    await Promise.race([this.#over, sleepRunning(this.timing.returnMs, this.#closing.signal)]);
    // The caller's request was not sent: a commit certainly was not applied.
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
    for (let pauseMs = firstPauseMs; ; pauseMs = this.timing.probeMs) {
      await sleep(pauseMs, signal);
      if (signal.aborted) return;
      try {
        // Again at once, when an own write was committed after the replay had read them.
        do kept += await this.hooks.comeBack();
        while (!this.hooks.isDone());
        this.#reason = undefined;
        const afterMs = Math.round(performance.now() - startedAt);
        this.logger.info('the store answers again', { afterMs, kept });
        return;
      } catch (error: unknown) {
        if (isXnetError(error, 'STORE_UNAVAILABLE')) this.#reason = error;
        this.logger.debug('the store does not answer yet', { reason: errorMessage(error) });
      }
    }
  }
}

export function unavailable(message: string, fields: Record<string, unknown> = {}): XnetError {
  return new XnetError('STORE_UNAVAILABLE', message, fields);
}
