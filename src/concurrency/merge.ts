/** The items of all sources, as they come, until all have ended. Rejects as the first of them does; all are ended then. */
export async function* merge<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const ask = (iterator: AsyncIterator<T>) => iterator.next().then((result) => ({ iterator, result }));
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
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}
