import type { Entry, Revision } from '../store.js';
import type { KnownContent, Removal } from './disk/known-content.js';
import { EntryMap } from './entry-map.js';
import { Removals } from './removals.js';

/** What is known of the store, in memory, and what of it has changed since it was last written. Knows no rules. */
export class KnownFacts {
  /** The highest revision of the store that is known. */
  revision: Revision = 0;
  /** The removals that were seen under all known prefixes. */
  readonly removals: Removals;
  readonly #entries = new EntryMap();
  readonly #prefixes = new Map<string, Revision>();
  #unwritten = new Unwritten();

  constructor(content?: KnownContent) {
    const removals = [...(content?.removals.values() ?? [])].flatMap((removal) => removal ?? []);
    this.removals = new Removals(removals, (key, removal) => this.#unwritten.removals.set(key, removal));
    if (!content) return;
    this.revision = content.revision;
    for (const [prefix, revision] of content.prefixes)
      if (revision !== undefined) this.#prefixes.set(prefix, revision);
    for (const entry of content.entries.values()) if (entry) this.#entries.set(entry);
  }

  /** Each with the revision up to which all under it is known. */
  get prefixes(): ReadonlyMap<string, Revision> {
    return this.#prefixes;
  }

  get entries(): Pick<EntryMap, 'get' | 'list'> {
    return this.#entries;
  }

  /** All that is known now. Later changes are not in it. */
  get content(): KnownContent {
    return {
      revision: this.revision,
      prefixes: new Map(this.#prefixes),
      entries: new Map(this.#entries.list('').map((entry) => [entry.key, entry])),
      removals: new Map(this.removals.list().map((removal) => [removal.key, removal])),
    };
  }

  /** The number of things in `content`. */
  get size(): number {
    return this.#entries.size + this.#prefixes.size + this.removals.size;
  }

  setPrefix(prefix: string, revision: Revision): void {
    this.#prefixes.set(prefix, revision);
    this.#unwritten.prefixes.set(prefix, revision);
  }

  /** False: it was not known. */
  deletePrefix(prefix: string): boolean {
    if (!this.#prefixes.delete(prefix)) return false;
    this.#unwritten.prefixes.set(prefix, undefined);
    return true;
  }

  setEntry(entry: Entry): void {
    // A watch that begins anew yields mostly what is known.
    if (isSame(this.#entries.get(entry.key), entry)) return;
    this.#entries.set(entry);
    this.#unwritten.entries.set(entry.key, entry);
  }

  deleteEntry(key: string): void {
    if (this.#entries.delete(key)) this.#unwritten.entries.set(key, undefined);
  }

  /** Calls `write` with what has changed since it last succeeded. Throws what `write` throws. */
  async writeChanges(write: (changes: KnownContent) => Promise<void>): Promise<void> {
    const changes = this.#unwritten;
    this.#unwritten = new Unwritten();
    try {
      await write({ revision: this.revision, ...changes });
    } catch (error: unknown) {
      this.#unwritten.addEarlier(changes);
      throw error;
    }
  }
}

/** The latest of each. undefined: it is not known any more. */
class Unwritten {
  readonly entries = new Map<string, Entry | undefined>();
  readonly prefixes = new Map<string, Revision | undefined>();
  readonly removals = new Map<string, Removal | undefined>();

  addEarlier({ entries, prefixes, removals }: Unwritten): void {
    addMissing(this.entries, entries);
    addMissing(this.prefixes, prefixes);
    addMissing(this.removals, removals);
  }
}

function addMissing<T>(to: Map<string, T>, earlier: ReadonlyMap<string, T>): void {
  for (const [name, value] of earlier) if (!to.has(name)) to.set(name, value);
}

function isSame(a: Entry | undefined, b: Entry): boolean {
  return a?.revision === b.revision && a.createRevision === b.createRevision && a.value === b.value;
}
