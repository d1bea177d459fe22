/**
 * The removals of records that this host has seen: a store that is restored from an older backup has the records again. In
 * memory; last-known-file.ts writes them to disk.
 */
import { kindOf } from '../../model/keys.js';
import type { Entry, Revision } from '../store.js';

/** The last removal of a record under `key`. */
export interface Removal {
  readonly key: string;
  readonly createRevision: Revision;
  /** Revision of the commit that removed it, or a later one. */
  readonly removedAt: Revision;
}

/** Removals that are remembered of each kind of record (first part of its key). Any more since a backup are not undone. */
const MAX_PER_KIND = 500;

export class Removals {
  /** By kind and key, the latest last. */
  readonly #kinds = new Map<string, Map<string, Removal>>();

  constructor(removals: Iterable<Removal> = []) {
    for (const removal of removals) this.note(removal, removal.removedAt);
  }

  note({ key, createRevision }: Pick<Entry, 'key' | 'createRevision'>, removedAt: Revision): void {
    const kind = this.#kinds.get(kindOf(key)) ?? new Map<string, Removal>();
    this.#kinds.set(kindOf(key), kind);
    setLatest(kind, key, { key, createRevision, removedAt }, MAX_PER_KIND);
  }

  find(key: string): Removal | undefined {
    return this.#kinds.get(kindOf(key))?.get(key);
  }

  list(): Removal[] {
    return [...this.#kinds.values()].flatMap((removals) => [...removals.values()]);
  }

  /** The store has this record: its removal is forgotten. */
  retract({ key, createRevision }: Entry): void {
    if (this.find(key)?.createRevision === createRevision) this.#kinds.get(kindOf(key))?.delete(key);
  }

  /** The store was restored to `revision`: it never had the records that were created later. */
  goBackTo(revision: Revision): void {
    for (const { key, createRevision } of this.list())
      if (createRevision > revision) this.#kinds.get(kindOf(key))?.delete(key);
  }
}

/** Sets it as the latest. Above `most` the one that was set first goes. */
export function setLatest<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [first] = map.keys();
  if (map.size > most && first !== undefined) map.delete(first);
}
