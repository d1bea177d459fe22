import pLimit, { type LimitFunction } from 'p-limit';

/** One mutex per key: tasks of one key run in the order they came, tasks of different keys side by side. */
export class KeyedMutex {
  readonly #limits = new Map<string, LimitFunction>();

  /** Runs `task` alone among the tasks of `key`. Not re-entrant: a task must not wait for its own key. */
  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const limit = this.#limits.get(key) ?? pLimit(1);
    this.#limits.set(key, limit);
    try {
      return await limit(task);
    } finally {
      if (limit.activeCount + limit.pendingCount === 0) this.#limits.delete(key);
    }
  }
}
