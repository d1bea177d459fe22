import { LinkedAbort } from './linked-abort.js';

/**
 * The items of all sources, as they come, until all have ended. Rejects as the first of them does. The signal that they are
 * opened with aborts then, with `signal`, and with the reader: a source that waits ends by it.
 */
export async function* merge<T>(
  open: (ended: AbortSignal) => readonly AsyncIterable<T>[],
  signal: AbortSignal,
): AsyncGenerator<T> {
  using ended = new LinkedAbort([signal]);
  const iterators = open(ended.signal).map((source) => source[Symbol.asyncIterator]());
  const ask = (iterator: AsyncIterator<T>) => {
    const asked = iterator.next().then((result) => ({ iterator, result }));
    // Seen by the race below, which begins when the reader comes back.
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
    ended.abort();
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}
