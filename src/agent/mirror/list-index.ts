/**
 * Finds items of a list by a key. The index of a list is made at the first question and kept as long as the list, which must not
 * be altered: a look compares a thousand networks with a thousand bindings.
 */
export class ListIndex<T> {
  readonly #indexes = new WeakMap<readonly T[], ReadonlyMap<string, readonly T[]>>();

  /** `keysOf`: under which an item is found. */
  constructor(private readonly keysOf: (item: T) => readonly (string | undefined)[]) {}

  /** In the order of the list. */
  all(list: readonly T[], key: string): readonly T[] {
    const index = this.#indexes.get(list) ?? this.#make(list);
    return index.get(key) ?? [];
  }

  find(list: readonly T[], key: string): T | undefined {
    return this.all(list, key)[0];
  }

  has(list: readonly T[], key: string): boolean {
    return this.all(list, key).length > 0;
  }

  #make(list: readonly T[]): ReadonlyMap<string, readonly T[]> {
    const index = new Map<string, T[]>();
    for (const item of list) {
      for (const key of new Set(this.keysOf(item))) {
        if (key === undefined) continue;
        const items = index.get(key);
        if (items) items.push(item);
        else index.set(key, [item]);
      }
    }
    this.#indexes.set(list, index);
    return index;
  }
}
