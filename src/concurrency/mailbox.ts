/**
 * A queue from many writers to one reader. Holds at most `limit` items: when it is full, all are dropped,
 * and the reader gets `overflow` in their place, so that it begins anew.
 */
export class Mailbox<T> {
  #items: T[] = [];
  #wake: (() => void) | undefined;

  constructor(
    private readonly overflow: T,
    private readonly limit = 10_000,
  ) {}

  push(item: T): void {
    if (this.#items.length >= this.limit) this.#items = [this.overflow];
    else this.#items.push(item);
    this.#wake?.();
  }

  /** The next item, waiting for one; undefined once `signal` aborts. One caller at a time. */
  async next(signal: AbortSignal): Promise<T | undefined> {
    if (this.#items.length === 0 && !signal.aborted) await this.#filledOrAborted(signal);
    return signal.aborted ? undefined : this.#items.shift();
  }

  async #filledOrAborted(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const wake = this.#wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
