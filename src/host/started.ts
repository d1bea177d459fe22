/** The parts of a host that have been started, so that all end, also those of a start that fails. */

type Part = AsyncDisposable & { start(): void | Promise<void> };

/** Starts the part, which is added first: one that fails to start is ended too. */
export async function begin<T extends Part>(started: AsyncDisposable[], part: T): Promise<T> {
  started.push(part);
  await part.start();
  return part;
}

/** In the reverse order of their start. */
export async function endAll(started: readonly AsyncDisposable[]): Promise<void> {
  for (const part of [...started].reverse()) await part[Symbol.asyncDispose]();
}
