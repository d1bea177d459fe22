/**
 * The last known content of the store, under all prefixes that are watched or were listed: enough to run, and to start,
 * while the store is away. In memory; last-known-file.ts writes it to disk.
 *
 * A view of the replica (src/replica/contents.ts) has one prefix, and so a revision up to which all is known. Here prefixes lie
 * within others, each with a watch of its own, and a watch's snapshot holds even where it is older: whether the store was
 * restored is found out by src/store/outage/restores.ts.
 */
import { isUnder } from '../../model/keys.js';
import { type Change, changesOf, type Entry, type Revision, type Snapshot, type Write } from '../store.js';
import { type Removal, Removals, setLatest } from './removals.js';

export interface LastKnownContent {
  readonly revision: Revision;
  /** Each with the revision up to which all under it is known. */
  readonly prefixes: readonly (readonly [string, Revision])[];
  readonly entries: readonly Entry[];
  readonly removed: readonly Removal[];
}

/** Most tombstones. They are needed for seconds only: by how much the answer of a commit may be late. */
const MAX_TOMBSTONES = 1000;

export class LastKnown {
  readonly #entries = new Map<string, Entry>();
  /** Revision of the removal by key, the latest last: a late answer with an earlier revision does not bring an entry back. */
  readonly #tombstones = new Map<string, Revision>();
  /** Each with the revision up to which all under it is known. */
  readonly #prefixes = new Map<string, Revision>();
  /** The number of watches by prefix. */
  readonly #watched = new Map<string, number>();
  /** The removals that were seen under all known prefixes. */
  readonly removals: Removals;
  #revision: Revision = 0;

  /** `onChange` is called for every change, and so must be cheap. */
  constructor(
    private readonly onChange: () => void = () => undefined,
    content?: LastKnownContent,
  ) {
    this.removals = new Removals(content?.removed);
    if (!content) return;
    this.#revision = content.revision;
    for (const [prefix, revision] of content.prefixes) this.#prefixes.set(prefix, revision);
    for (const entry of content.entries) this.#entries.set(entry.key, entry);
  }

  /** The highest revision of the store that is known. */
  get revision(): Revision {
    return this.#revision;
  }

  get content(): LastKnownContent {
    return {
      revision: this.#revision,
      prefixes: [...this.#prefixes],
      entries: [...this.#entries.values()],
      removed: this.removals.list(),
    };
  }

  get prefixes(): Iterable<string> {
    return this.#prefixes.keys();
  }

  /** The revision up to which all under exactly this prefix is known; undefined: it was never watched or listed. */
  knownAt(prefix: string): Revision | undefined {
    return this.#prefixes.get(prefix);
  }

  /** Whether everything under `prefix` (or the key that it is) is known. */
  covers(prefix: string): boolean {
    return isUnder(prefix, this.#prefixes.keys());
  }

  /** The revision up to which all under `prefix` is known; 0 when it is not covered. */
  revisionOf(prefix: string): Revision {
    const covering = [...this.#prefixes].filter(([known]) => prefix.startsWith(known));
    return Math.max(0, ...covering.map(([, revision]) => revision));
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** The entries under `prefix`, without those under a known longer prefix, which may be known at another revision. */
  listAlone(prefix: string): Entry[] {
    const within = [...this.#prefixes.keys()].filter((each) => each !== prefix && each.startsWith(prefix));
    return this.list(prefix).filter(({ key }) => !isUnder(key, within));
  }

  list(prefix: string): Entry[] {
    return [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix));
  }

  /** The store was restored from an older backup: its revisions go on from `revision`. */
  goBackTo(revision: Revision): void {
    this.#revision = revision;
    this.#tombstones.clear();
    this.removals.goBackTo(revision);
  }

  /** `prefix` is watched, and so kept up to date by `learnWatched` and `learnChanges`, until the returned function is called. */
  watch(prefix: string): () => void {
    this.#watched.set(prefix, (this.#watched.get(prefix) ?? 0) + 1);
    return () => {
      const left = (this.#watched.get(prefix) ?? 1) - 1;
      if (left > 0) this.#watched.set(prefix, left);
      else this.#watched.delete(prefix);
    };
  }

  /** True: all under `prefix` is known by a watch, which may be later than the answer of a list. */
  isWatched(prefix: string): boolean {
    return isUnder(prefix, this.#watched.keys()) && this.covers(prefix);
  }

  learnListed(prefix: string, snapshot: Snapshot): void {
    if (this.isWatched(prefix)) return;
    const within = [...this.#watched.keys()].filter((each) => each.startsWith(prefix) && this.covers(each));
    this.#learnAll(prefix, snapshot, (key) => isUnder(key, within));
  }

  learnWatched(prefix: string, snapshot: Snapshot): void {
    this.#learnAll(prefix, snapshot, () => false);
  }

  /** Takes in the changes of a watch of `prefix`. */
  learnChanges(prefix: string, changes: readonly Change[], revision: Revision): void {
    for (const change of changes) this.#learnChange(change);
    this.#prefixes.set(prefix, revision);
    this.#changed(revision);
  }

  /** Removes an entry that this host has given up: it may be another host's by now. */
  forget(key: string): void {
    this.#entries.delete(key);
  }

  /** Not all under `prefix` is known any more, unless it is watched; what is known by other prefixes stays. */
  forgetPrefix(prefix: string): void {
    if (this.#watched.has(prefix) || !this.#prefixes.delete(prefix)) return;
    for (const key of this.#entries.keys())
      if (key.startsWith(prefix) && !this.covers(key)) this.#entries.delete(key);
    this.#changed(0);
  }

  /** Takes in the change of one key. */
  learn(change: Change): void {
    this.#learnChange(change);
    this.#changed(change.revision);
  }

  /** Takes in what a commit has written, under known prefixes only. */
  learnCommit(writes: readonly Write[], revision: Revision): void {
    for (const change of changesOf(writes, revision, this))
      if (!change.entry || this.covers(change.key)) this.#learnChange(change);
    this.#changed(revision);
  }

  #learnAll(prefix: string, { revision, entries }: Snapshot, isLeft: (key: string) => boolean): void {
    const present = new Set(entries.map(({ key }) => key));
    for (const key of this.#entries.keys()) {
      if (key.startsWith(prefix) && !present.has(key) && !isLeft(key)) this.#remove(key, revision);
    }
    for (const entry of entries) {
      if (isLeft(entry.key)) continue;
      this.#entries.set(entry.key, entry);
      this.removals.retract(entry);
    }
    this.#prefixes.set(prefix, revision);
    this.#changed(revision);
  }

  #learnChange({ key, revision, entry }: Change): void {
    if (entry) this.#put(entry);
    else {
      setLatest(this.#tombstones, key, revision, MAX_TOMBSTONES);
      if ((this.#entries.get(key)?.revision ?? Infinity) <= revision) this.#remove(key, revision);
    }
  }

  /** An entry later than `revision` was not removed: a store that was restored to `revision` does not have it yet. */
  #remove(key: string, revision: Revision): void {
    const entry = this.#entries.get(key);
    // The revision of an own write: the store's revision of the removal is not known.
    const removedAt = Number.isInteger(revision) ? revision : Number.MAX_SAFE_INTEGER;
    if (entry && entry.revision <= revision) this.removals.note(entry, removedAt);
    this.#entries.delete(key);
  }

  #put(entry: Entry): void {
    const known = this.#entries.get(entry.key);
    if ((known?.revision ?? 0) > entry.revision || (this.#tombstones.get(entry.key) ?? 0) > entry.revision)
      return;
    this.#tombstones.delete(entry.key);
    this.#entries.set(entry.key, entry);
    this.removals.retract(entry);
  }

  #changed(revision: Revision): void {
    // Own writes have fractional revisions, between two of the store's.
    this.#revision = Math.max(this.#revision, Math.floor(revision));
    this.onChange();
  }
}
