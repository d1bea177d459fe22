/**
 * What is known of the entries under one prefix, by a watch, by lists and by this host's own commits, in whatever order these
 * arrive. Guarantee: until `forget`, an entry never goes back to an earlier revision, and a removed key does not come back by a
 * change that is older than its removal.
 */
import type { Change, Entry, Revision, Snapshot } from '../store/store.js';

export type Versioned = Omit<Entry, 'value'>;

/** A key of which something else is known than before; undefined: nothing is under it. */
export interface Changed<E> {
  readonly key: string;
  readonly before: E | undefined;
  readonly now: E | undefined;
}

export class Contents<E extends Versioned> {
  readonly #entries = new Map<string, E>();
  /** Keys that were removed at a revision which the watch has not reached yet, with that revision. */
  readonly #tombstones = new Map<string, Revision>();
  /** All changes up to this revision are known. */
  #complete: Revision = 0;
  /** The highest revision of which anything is known. */
  #newest: Revision = 0;

  /**
   * `read` makes what is kept of an entry, and is called for each that is taken in. Of keys that are not wanted the revisions
   * alone count: by them a restore of the store is recognized.
   */
  constructor(
    private readonly read: (entry: Entry) => E,
    private readonly isWanted: (key: string) => boolean = () => true,
  ) {}

  get(key: string): E | undefined {
    return this.#entries.get(key);
  }

  list(prefix: string): E[] {
    return [...this.all()].filter(({ key }) => key.startsWith(prefix));
  }

  all(): Iterable<E> {
    return this.#entries.values();
  }

  /** A list that begins now has at least this revision, unless the store was restored from an older backup. */
  get newest(): Revision {
    return this.#newest;
  }

  /** Removes all. Returns what was known. */
  forget(): Changed<E>[] {
    const changed = [...this.#entries].map(([key, before]) => ({ key, before, now: undefined }));
    this.#entries.clear();
    this.#tombstones.clear();
    this.#complete = 0;
    this.#newest = 0;
    return changed;
  }

  /** Takes in all entries as they stood at one revision. Returns what changed. */
  replace({ revision, entries }: Snapshot): Changed<E>[] {
    if (revision < this.#complete) return [];
    const put = entries.flatMap((entry) => this.put(entry));
    const present = new Set(entries.map(({ key }) => key));
    const gone = [...this.all()].filter((known) => !present.has(known.key) && known.revision <= revision);
    for (const { key } of gone) this.#entries.delete(key);
    this.#completeUpTo(revision);
    return [...put, ...gone.map((before) => ({ key: before.key, before, now: undefined }))];
  }

  /**
   * Takes in changes of a watch, in the order of their revisions. `isAhead`: earlier ones, of others, may still come. Returns
   * what changed.
   */
  follow(changes: readonly Change[], isAhead = false): Changed<E>[] {
    return changes.flatMap(({ key, revision, entry }) => {
      const changed = entry ? this.put(entry) : this.remove(key, revision);
      // Others of the same revision may be in the next batch.
      if (!isAhead) this.#completeUpTo(revision - 1);
      return changed;
    });
  }

  /** Takes in one entry. Returns nothing where it is known already, or older than what is known. */
  put(entry: Entry): Changed<E>[] {
    const { key, revision } = entry;
    if (this.#isPast(key, revision)) return [];
    this.#newest = Math.max(this.#newest, revision);
    if (!this.isWanted(key)) return [];
    const [before, now] = [this.#entries.get(key), this.read(entry)];
    this.#entries.set(key, now);
    this.#tombstones.delete(key);
    return [{ key, before, now }];
  }

  /** Takes in that `key` was absent at `revision`. Returns nothing where it is absent already, or that is older than what is known. */
  remove(key: string, revision: Revision): Changed<E>[] {
    if (this.#isPast(key, revision)) return [];
    this.#newest = Math.max(this.#newest, revision);
    if (!this.isWanted(key)) return [];
    this.#tombstones.set(key, revision);
    const before = this.#entries.get(key);
    this.#entries.delete(key);
    return before ? [{ key, before, now: undefined }] : [];
  }

  #isPast(key: string, revision: Revision): boolean {
    const latest = this.#entries.get(key)?.revision ?? this.#tombstones.get(key) ?? 0;
    return revision <= Math.max(latest, this.#complete);
  }

  #completeUpTo(revision: Revision): void {
    if (revision <= this.#complete) return;
    this.#complete = revision;
    this.#newest = Math.max(this.#newest, revision);
    for (const [key, removed] of this.#tombstones) if (removed <= revision) this.#tombstones.delete(key);
  }
}
