/**
 * The entries under one prefix, by a watch, by lists and by this host's own commits, in whatever order these arrive. Guarantee:
 * until `forget`, an entry never goes back to an earlier revision, and a removed key does not come back by a change that is
 * older than its removal. Pure.
 */
import type { Change, Entry, Revision, Snapshot } from '../store/store.js';

export class Contents {
  readonly #entries = new Map<string, Entry>();
  /** Keys that were removed at a revision which the watch has not reached yet, with that revision. */
  readonly #tombstones = new Map<string, Revision>();
  /** All changes up to this revision are known. */
  #complete: Revision = 0;
  /** The highest revision of which anything is known. */
  #newest: Revision = 0;

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** A list that begins now has at least this revision, unless the store was restored from an older backup. */
  get newest(): Revision {
    return this.#newest;
  }

  /** Removes all. Returns the keys that were known. */
  forget(): string[] {
    const keys = [...this.#entries.keys()];
    this.#entries.clear();
    this.#tombstones.clear();
    this.#complete = 0;
    this.#newest = 0;
    return keys;
  }

  /** Takes in all entries as they stood at one revision. Returns the keys that changed. */
  replace({ revision, entries }: Snapshot): string[] {
    if (revision < this.#complete) return [];
    const put = entries.filter((entry) => this.put(entry)).map(({ key }) => key);
    const present = new Set(entries.map(({ key }) => key));
    const gone = [...this.#entries.values()]
      .filter((entry) => !present.has(entry.key) && entry.revision <= revision)
      .map(({ key }) => key);
    for (const key of gone) this.#entries.delete(key);
    this.#completeUpTo(revision);
    return [...put, ...gone];
  }

  /**
   * Takes in changes of a watch, in the order of their revisions. `isAhead`: earlier ones, of others, may still come. Returns
   * the keys that changed.
   */
  follow(changes: readonly Change[], isAhead = false): string[] {
    return changes.flatMap((change) => {
      const { key, revision } = change.type === 'put' ? change.entry : change;
      const isNew = change.type === 'put' ? this.put(change.entry) : this.remove(key, revision);
      // Others of the same revision may be in the next batch.
      if (!isAhead) this.#completeUpTo(revision - 1);
      return isNew ? [key] : [];
    });
  }

  /** Takes in one entry. False: it is known already, or older than what is known. */
  put(entry: Entry): boolean {
    if (this.#isPast(entry.key, entry.revision)) return false;
    this.#newest = Math.max(this.#newest, entry.revision);
    this.#entries.set(entry.key, entry);
    this.#tombstones.delete(entry.key);
    return true;
  }

  /** Takes in that `key` was absent at `revision`. False: it is absent already, or that is older than what is known. */
  remove(key: string, revision: Revision): boolean {
    if (this.#isPast(key, revision)) return false;
    this.#newest = Math.max(this.#newest, revision);
    this.#tombstones.set(key, revision);
    return this.#entries.delete(key);
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
