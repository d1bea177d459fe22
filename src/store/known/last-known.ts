/**
 * The last known content of the store, under all prefixes that are watched or were listed: enough to run, and to start,
 * while the store is away. In memory; last-known-file.ts has its changes written to disk.
 *
 * A view of the replica (src/replica/contents.ts) has one prefix, and so a revision up to which all is known. Here prefixes lie
 * within others, each with a watch of its own, and a watch's snapshot holds even where it is older: whether the store was
 * restored is found out by src/store/outage/restores.ts.
 */
import { isUnder } from '../../model/keys.js';
import { type Change, changesOf, type Entry, type Revision, type Snapshot, type Write } from '../store.js';
import type { KnownContent } from './disk/known-content.js';
import { KnownFacts } from './known-facts.js';
import { type Removals, setLatest } from './removals.js';

/** Most tombstones. They are needed for seconds only: by how much the answer of a commit may be late. */
const MAX_TOMBSTONES = 1000;

export class LastKnown {
  /** What is written to disk. */
  readonly facts: KnownFacts;
  /** Revision of the removal by key, the latest last: a late answer with an earlier revision does not bring an entry back. */
  readonly #tombstones = new Map<string, Revision>();
  /** The number of watches by prefix. */
  readonly #watched = new Map<string, number>();

  /** `onChange` is called for every change, and so must be cheap. */
  constructor(
    private readonly onChange: () => void = () => undefined,
    content?: KnownContent,
  ) {
    this.facts = new KnownFacts(content);
  }

  /** The highest revision of the store that is known. */
  get revision(): Revision {
    return this.facts.revision;
  }

  /** The removals that were seen under all known prefixes. */
  get removals(): Removals {
    return this.facts.removals;
  }

  get prefixes(): Iterable<string> {
    return this.facts.prefixes.keys();
  }

  /** The revision up to which all under exactly this prefix is known; undefined: it was never watched or listed. */
  knownAt(prefix: string): Revision | undefined {
    return this.facts.prefixes.get(prefix);
  }

  /** Whether everything under `prefix` (or the key that it is) is known. */
  covers(prefix: string): boolean {
    return isUnder(prefix, this.facts.prefixes.keys());
  }

  /** The revision up to which all under `prefix` is known; 0 when it is not covered. */
  revisionOf(prefix: string): Revision {
    const covering = [...this.facts.prefixes].filter(([known]) => prefix.startsWith(known));
    return Math.max(0, ...covering.map(([, revision]) => revision));
  }

  get(key: string): Entry | undefined {
    return this.facts.entries.get(key);
  }

  /** The entries under `prefix`, without those under a known longer prefix, which may be known at another revision. */
  listAlone(prefix: string): Entry[] {
    const within = [...this.facts.prefixes.keys()].filter(
      (each) => each !== prefix && each.startsWith(prefix),
    );
    return this.list(prefix).filter(({ key }) => !isUnder(key, within));
  }

  list(prefix: string): Entry[] {
    return this.facts.entries.list(prefix);
  }

  /** The store was restored from an older backup: its revisions go on from `revision`. */
  goBackTo(revision: Revision): void {
    this.facts.revision = revision;
    this.#tombstones.clear();
    this.removals.goBackTo(revision);
    this.onChange();
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
    this.facts.setPrefix(prefix, revision);
    this.#changed(revision);
  }

  /** Removes an entry that this host has given up: it may be another host's by now. */
  forget(key: string): void {
    this.facts.deleteEntry(key);
  }

  /** Not all under `prefix` is known any more, unless it is watched; what is known by other prefixes stays. */
  forgetPrefix(prefix: string): void {
    if (this.#watched.has(prefix) || !this.facts.deletePrefix(prefix)) return;
    for (const { key } of this.list(prefix)) if (!this.covers(key)) this.facts.deleteEntry(key);
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
    for (const { key } of this.list(prefix))
      if (!present.has(key) && !isLeft(key)) this.#remove(key, revision);
    for (const entry of entries) if (!isLeft(entry.key)) this.#set(entry);
    this.facts.setPrefix(prefix, revision);
    this.#changed(revision);
  }

  #learnChange({ key, revision, entry }: Change): void {
    if (entry) this.#put(entry);
    else {
      setLatest(this.#tombstones, key, revision, MAX_TOMBSTONES);
      if ((this.facts.entries.get(key)?.revision ?? Infinity) <= revision) this.#remove(key, revision);
    }
  }

  /** An entry later than `revision` was not removed: a store that was restored to `revision` does not have it yet. */
  #remove(key: string, revision: Revision): void {
    const entry = this.facts.entries.get(key);
    // The revision of an own write: the store's revision of the removal is not known.
    const removedAt = Number.isInteger(revision) ? revision : Number.MAX_SAFE_INTEGER;
    if (entry && entry.revision <= revision) this.removals.note(entry, removedAt);
    this.facts.deleteEntry(key);
  }

  #put(entry: Entry): void {
    const known = this.facts.entries.get(entry.key);
    if ((known?.revision ?? 0) > entry.revision || (this.#tombstones.get(entry.key) ?? 0) > entry.revision)
      return;
    this.#tombstones.delete(entry.key);
    this.#set(entry);
  }

  #set(entry: Entry): void {
    this.removals.retract(entry);
    this.facts.setEntry(entry);
  }

  #changed(revision: Revision): void {
    // Own writes have fractional revisions, between two of the store's.
    this.facts.revision = Math.max(this.revision, Math.floor(revision));
    this.onChange();
  }
}
