import type { KeyedMutex } from './keyed-mutex.js';

interface Batch<Item> {
  readonly items: Item[];
  readonly done: Promise<void>;
}

/**
 * Work that is cheaper together: what is asked for while the key's mutex is held is done in one go
 * afterwards. When a batch fails, each of its items is tried alone, so that only the culprit's caller sees
 * the error; `work` must therefore be idempotent.
 */
export class KeyedBatches<Item> {
  readonly #next = new Map<string, Batch<Item>>();

  constructor(
    private readonly mutex: KeyedMutex,
    private readonly work: (key: string, items: readonly Item[]) => Promise<void>,
  ) {}

  /** Resolves when the work of `item` is done. */
  async add(key: string, item: Item): Promise<void> {
    const batch = this.#next.get(key) ?? this.#schedule(key);
    batch.items.push(item);
    try {
      await batch.done;
    } catch (error: unknown) {
      if (batch.items.length === 1) throw error;
      await this.mutex.run(key, () => this.work(key, [item]));
    }
  }

  #schedule(key: string): Batch<Item> {
    const items: Item[] = [];
    const done = this.mutex.run(key, async () => {
      this.#next.delete(key);
      await this.work(key, items);
    });
    const batch = { items, done };
    this.#next.set(key, batch);
    return batch;
  }
}
