/**
 * Records that were seen to be removed: a store that is restored from an older backup has them again. In memory;
 * last-known-file.ts keeps them on disk.
 */
import { kindOf } from '../../model/keys.js';
import type { Entry, Revision } from '../store.js';

/** Of the last record under `key` that was removed. */
export interface Removal {
  readonly key: string;
  readonly createRevision: Revision;
  /** Of the commit that removed it, or a later one. */
  readonly removedAt: Revision;
}

/** Of each kind of record (first part of its key): so many removals may lie between a backup and its restore. */
const MOST = 500;

export class Removals {
  /** By kind and key, the latest last. */
  readonly #kinds = new Map<string, Map<string, Removal>>();

  constructor(removals: Iterable<Removal> = []) {
    for (const removal of removals) this.#note(removal);
  }

  note({ key, createRevision }: Entry, removedAt: Revision): void {
    this.#note({ key, createRevision, removedAt });
  }

  find(key: string): Removal | undefined {
    return this.#kinds.get(kindOf(key))?.get(key);
  }

  list(): Removal[] {
    return [...this.#kinds.values()].flatMap((removals) => [...removals.values()]);
  }

  /** The store says that this record is there. */
  retract({ key, createRevision }: Entry): void {
    if (this.find(key)?.createRevision === createRevision) this.#kinds.get(kindOf(key))?.delete(key);
  }

  /** The store was put back to `revision`: what had been created after it never was, in the store's new past. */
  goBackTo(revision: Revision): void {
    for (const { key, createRevision } of this.list())
      if (createRevision > revision) this.#kinds.get(kindOf(key))?.delete(key);
  }

  #note(removal: Removal): void {
    const { key } = removal;
    const kind = this.#kinds.get(kindOf(key)) ?? new Map<string, Removal>();
    this.#kinds.set(kindOf(key), kind);
    kind.delete(key);
    kind.set(key, removal);
    const [oldest] = kind.keys();
    if (kind.size > MOST && oldest !== undefined) kind.delete(oldest);
  }
}
