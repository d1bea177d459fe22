import { errorMessage, isXnetError, XnetError } from '../errors.js';
import { type Patience, sleep, waitForWork } from './deadline.js';

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;

/**
 * Something that must be prepared before it can be used, by work that may fail for reasons outside (no
 * store, no interface yet) and is then tried again until it succeeds. Callers wait a bounded time, longer while
 * nothing has failed, and get the reason.
 */
export class Readiness<T> {
  readonly #prepared: Promise<T>;
  #resolve: (value: T) => void = () => undefined;
  #value: T | undefined;
  #failure: unknown;

  /** `onFailure` is called at each failure of `prepare`. */
  constructor(
    private readonly prepare: () => Promise<T>,
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.#prepared = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Prepares, again after each failure, until it succeeds or `signal` fires. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        this.#value = await this.prepare();
        this.#failure = undefined;
        this.#resolve(this.#value);
        return;
      } catch (error: unknown) {
        this.#failure = error;
        this.onFailure(error);
        await sleep(pauseMs, signal);
      }
    }
  }

  /** The prepared value, if it is there. */
  get value(): T | undefined {
    return this.#value;
  }

  /** Why it is not ready yet; undefined when it is, or when nothing failed so far. */
  get problem(): string | undefined {
    return this.#failure === undefined ? undefined : errorMessage(this.#failure);
  }

  /** Waits as `patience` says, then rejects with the last failure's code and reason. */
  async wait(patience: Patience): Promise<T> {
    if (this.#value !== undefined) return this.#value;
    try {
      return await waitForWork(this.#prepared, patience, 'starting', () => this.#failure);
    } catch {
      const code = isXnetError(this.#failure) ? this.#failure.code : 'TIMEOUT';
      throw new XnetError(code, `xnet on this host is not ready: ${this.problem ?? 'still starting'}`);
    }
  }
}
