import { setMaxListeners } from 'node:events';

/** The reason that `abort` has by itself, made once: each error costs its stack. */
const ABORTED = new DOMException('This operation was aborted', 'AbortError');

/**
 * Aborts by itself, or when one of `sources` does. Once disposed of it leaves nothing behind on them: what
 * AbortSignal.any makes is kept by Node as long as its sources, of which some live as long as the process.
 */
export class LinkedAbort implements Disposable {
  readonly #controller = new AbortController();
  readonly #sources: readonly AbortSignal[];

  constructor(sources: readonly AbortSignal[]) {
    this.#sources = sources;
    // All calls under way listen to a few sources; Node warns of more than ten as of a leak.
    setMaxListeners(Number.POSITIVE_INFINITY, ...sources);
    for (const source of sources) source.addEventListener('abort', this.abort, { once: true });
    if (sources.some(({ aborted }) => aborted)) this.abort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly abort = (): void => this.#controller.abort(ABORTED);

  [Symbol.dispose](): void {
    for (const source of this.#sources) source.removeEventListener('abort', this.abort);
  }
}
