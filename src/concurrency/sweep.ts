import { errorMessage } from '../errors.js';
import { sleep, untilTick } from './deadline.js';

/** The least time between two looks: hints mostly come many at once. */
const LEAST_PAUSE_MS = 20;
/** Whoever alters something goes on for a while, and what is replaced is gone for a moment. */
const SETTLE_MS = 200;
/** For a look that is repeated after a hint alone. */
export const NEVER_MS = 2 ** 31 - 1;

export interface SweepParts {
  /**
   * Looks at the whole and does what is to be done; resolves to the longest pause until the next look, in ms. From two seconds on
   * the pause may be up to a second shorter (`untilTick`): a look that waits for a time returns what is left until then.
   * `isSuspected`: `suspect` was called since the look before.
   */
  readonly look: (isSuspected: boolean) => Promise<number>;
  /** The longest pause after a look that failed. */
  readonly retryMs: number;
  /** The shortest such pause, whatever hints come. Default 20 ms, as after any look. */
  readonly leastRetryMs?: number;
  /** Called when a look fails: again only when the reason is another, or when looks succeeded in between. */
  readonly onFailure: (error: unknown) => void;
}

/** Looks at once, and then again and again: after a pause, or soon after a hint. Never two looks at a time. */
export class Sweep implements AsyncDisposable {
  readonly #stop = new AbortController();
  #hinted = false;
  #isSuspected = false;
  #suspicion: NodeJS.Timeout | undefined;
  #later: NodeJS.Timeout | undefined;
  #pause = new AbortController();
  #failure: unknown;
  #running: Promise<void> | undefined;

  constructor(private readonly parts: SweepParts) {}

  /** To be called once. */
  start(): void {
    this.#running = this.#run();
  }

  /** Something may have changed: looks soon, and once more after a look that is under way. */
  hint(): void {
    this.#hinted = true;
    // Without a reason it would make an error with a stack, at each hint.
    this.#pause.abort('hinted');
  }

  /** As `hint`, but looks `ms` from now: calls until then are one look. */
  hintLater(ms: number): void {
    if (this.#stop.signal.aborted) return;
    this.#later ??= setTimeout(() => {
      this.#later = undefined;
      this.hint();
    }, ms);
  }

  /** Something may have been altered by others: looks when they may be done, 200 ms later; many calls are one look. */
  suspect(): void {
    if (this.#stop.signal.aborted) return;
    this.#suspicion ??= setTimeout(() => {
      this.#suspicion = undefined;
      this.#isSuspected = true;
      this.hint();
    }, SETTLE_MS);
  }

  /** Why the last look failed; undefined when it succeeded. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Resolves when the look under way has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#suspicion);
    clearTimeout(this.#later);
    this.#pause.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#hinted = false;
      this.#pause = new AbortController();
      const pauseMs = await this.#look();
      await this.#rest(pauseMs);
    }
  }

  /** One timer while no hint comes, which ends with those of other sweeps: an idle host is woken as rarely as can be. */
  async #rest(pauseMs: number): Promise<void> {
    const leastMs =
      this.#failure === undefined ? LEAST_PAUSE_MS : (this.parts.leastRetryMs ?? LEAST_PAUSE_MS);
    const since = performance.now();
    if (!this.#hinted) await sleep(Math.max(untilTick(pauseMs), leastMs), this.#pause.signal);
    const leftMs = leastMs - (performance.now() - since);
    if (leftMs > 0) await sleep(leftMs, this.#stop.signal);
  }

  /** Never rejects. */
  async #look(): Promise<number> {
    const isSuspected = this.#isSuspected;
    this.#isSuspected = false;
    try {
      const pauseMs = await this.parts.look(isSuspected);
      this.#failure = undefined;
      return pauseMs;
    } catch (error: unknown) {
      const isNew = this.#failure === undefined || errorMessage(error) !== errorMessage(this.#failure);
      this.#failure = error;
      if (isNew) this.parts.onFailure(error);
      return this.parts.retryMs;
    }
  }
}
