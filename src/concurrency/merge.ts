import { LinkedAbort } from './linked-abort.js';

/** Ends when the signal aborts, also while nothing comes. */
type Source<T> = (signal: AbortSignal) => AsyncIterable<T>;

/**
 * The items of all sources, as they come, until all have ended or `signal` aborts. Rejects as the first of them does. All are
 * ended then, and when the reader goes.
 */
export async function* merge<T>(signal: AbortSignal, sources: readonly Source<T>[]): AsyncGenerator<T> {
  using ended = new LinkedAbort([signal]);
  const iterators = sources.map((open) => open(ended.signal)[Symbol.asyncIterator]());
  const ask = (iterator: AsyncIterator<T>) => {
    const asked = iterator.next().then((result) => ({ iterator, result }));
    // Nobody waits for it while the reader works.
    asked.catch(() => undefined);
    return asked;
  };
  const asked = new Map(iterators.map((iterator) => [iterator, ask(iterator)]));
  try {
    while (asked.size > 0) {
      const { iterator, result } = await Promise.race(asked.values());
      if (result.done) asked.delete(iterator);
      else {
        asked.set(iterator, ask(iterator));
        yield result.value;
      }
    }
  } finally {
    // A source that waits for its next item ends by this alone.
    ended.abort();
    await Promise.allSettled(iterators.map((iterator) => iterator.return?.()));
  }
}
