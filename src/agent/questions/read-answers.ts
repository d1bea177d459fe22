import type { Entry, Revision, Store } from '../../store/store.js';

/** So many answers that were read stay in the store. etcd takes 128 operations in a transaction. */
const MOST_READ = 100;

/**
 * The answers that were read: each once, though a watch may yield it again. They are removed from the store as they grow many,
 * since a question that follows what happens stays for days.
 */
export class ReadAnswers {
  readonly #read = new Map<string, Revision>();
  #isRemoving = false;

  constructor(private readonly store: Pick<Store, 'commit'>) {}

  /** False: it was read before. A host that was started again writes its parts under the same keys. */
  take({ key, revision }: Entry): boolean {
    if ((this.#read.get(key) ?? 0) >= revision) return false;
    this.#read.set(key, revision);
    return true;
  }

  /** Removes, in the background, what is read, if it is much. */
  tidy(): void {
    if (this.#isRemoving || this.#read.size < MOST_READ) return;
    this.#isRemoving = true;
    void this.#remove([...this.#read].slice(0, MOST_READ))
      // The next batch leads to the next try.
      .catch(() => undefined)
      .finally(() => {
        this.#isRemoving = false;
      });
  }

  async #remove(answers: readonly (readonly [string, Revision])[]): Promise<void> {
    const { committed } = await this.store.commit(
      answers.map(([key, revision]) => ({ key, is: 'at', revision })),
      answers.map(([key]) => ({ remove: key })),
    );
    if (committed) for (const [key] of answers) this.#read.delete(key);
  }
}
