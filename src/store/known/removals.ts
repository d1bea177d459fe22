/**
 * The removals of records that this host has seen: a store that is restored from an older backup has the records again. In
 * memory; last-known-file.ts has them written to disk.
 */
import { kindOf } from '../../model/keys.js';
import type { Entry, Revision } from '../store.js';
import type { Removal } from './disk/known-content.js';

/** Removals that are remembered of each kind of record (first part of its key). Any more since a backup are not undone. */
const MAX_PER_KIND = 500;

export class Removals {
  /** By kind and key, the latest last. */
  readonly #kinds = new Map<string, Map<string, Removal>>();

  /** `onChange` is called with the removal that is remembered from now on; undefined: with none. */
  constructor(
    removals: Iterable<Removal> = [],
    private readonly onChange: (key: string, removal: Removal | undefined) => void = () => undefined,
  ) {
    for (const removal of removals) this.#set(removal);
  }

  note({ key, createRevision }: Pick<Entry, 'key' | 'createRevision'>, removedAt: Revision): void {
    const removal = { key, createRevision, removedAt };
    this.#set(removal);
    this.onChange(key, removal);
  }

  find(key: string): Removal | undefined {
    return this.#kinds.get(kindOf(key))?.get(key);
  }

  get size(): number {
    return [...this.#kinds.values()].reduce((sum, { size }) => sum + size, 0);
  }

  list(): Removal[] {
    return [...this.#kinds.values()].flatMap((removals) => [...removals.values()]);
  }

  /** The store has this record: its removal is forgotten. */
  retract({ key, createRevision }: Entry): void {
    if (this.find(key)?.createRevision === createRevision) this.#forget(key);
  }

  /** The store was restored to `revision`: it never had the records that were created later. */
  goBackTo(revision: Revision): void {
    for (const { key, createRevision } of this.list()) if (createRevision > revision) this.#forget(key);
  }

  #set(removal: Removal): void {
    const kind = this.#kinds.get(kindOf(removal.key)) ?? new Map<string, Removal>();
    this.#kinds.set(kindOf(removal.key), kind);
    setLatest(kind, removal.key, removal, MAX_PER_KIND);
  }

  #forget(key: string): void {
    this.#kinds.get(kindOf(key))?.delete(key);
    this.onChange(key, undefined);
  }
}

/** Sets it as the latest. Above `most` the one that was set first goes. */
export function setLatest<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [first] = map.keys();
  if (map.size > most && first !== undefined) map.delete(first);
}
