import pLimit from 'p-limit';

/** At most `size` tasks at a time; the others wait in the order they came. */
export class Limit {
  readonly #run: ReturnType<typeof pLimit>;

  constructor(size: number) {
    this.#run = pLimit(size);
  }

  run<T>(task: () => Promise<T>): Promise<T> {
    return this.#run(task);
  }
}
