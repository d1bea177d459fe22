/** Work that is asked for again while it is under way: it is not begun twice, and both get its result, or its failure. */
export class UnderWay<T> {
  readonly #works = new Map<string, Promise<T>>();

  run(key: string, begin: () => Promise<T>): Promise<T> {
    const work = this.#works.get(key) ?? begin().finally(() => this.#works.delete(key));
    this.#works.set(key, work);
    return work;
  }
}
