/**
 * What the store last said of everything that is watched or was listed: enough to keep running, and to start again,
 * while it does not answer. In memory; last-known-file.ts keeps it on disk.
 */

import type { Change, Entry, Revision, Snapshot, Write } from '../store.js';
import { type Removal, Removals } from './removals.js';

export interface LastKnownContent {
  readonly revision: Revision;
  /** Each with the revision up to which all under it is known. */
  readonly prefixes: readonly (readonly [string, Revision])[];
  readonly entries: readonly Entry[];
  readonly removed: readonly Removal[];
}

/** Answers to commits are late by seconds at most. */
const MOST_GONE = 1000;

export class LastKnown {
  readonly #entries = new Map<string, Entry>();
  /** Keys that were seen to be removed, the latest last, with the revision: an answer that is late does not bring them back. */
  readonly #gone = new Map<string, Revision>();
  /** Each with the revision up to which all under it is known. */
  readonly #prefixes = new Map<string, Revision>();
  /** How many watches there are of a prefix. */
  readonly #watched = new Map<string, number>();
  readonly #onChange: () => void;
  /** What was seen to be removed of all that is covered. */
  readonly removals: Removals;
  #revision: Revision = 0;

  /** `onChange` hears of every change, to be cheap. */
  constructor(onChange: () => void = () => undefined, content?: LastKnownContent) {
    this.#onChange = onChange;
    this.removals = new Removals(content?.removed);
    if (!content) return;
    this.#revision = content.revision;
    for (const [prefix, revision] of content.prefixes) this.#prefixes.set(prefix, revision);
    for (const entry of content.entries) this.#entries.set(entry.key, entry);
  }

  /** The highest of the store's revisions that was heard of. */
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

  /** The revision at which all under this very prefix was as it is known; undefined: it never was watched or listed. */
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

  find(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Those under `prefix` that are under no narrower one that was watched or listed, and so are all of one revision. */
  listAlone(prefix: string): Entry[] {
    const within = [...this.#prefixes.keys()].filter((each) => each !== prefix && each.startsWith(prefix));
    return this.list(prefix).filter(({ key }) => !isUnder(key, within));
  }

  list(prefix: string): Entry[] {
    return [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix));
  }

  /** The store was restored from an older backup: its revisions go on from there. */
  goBackTo(revision: Revision): void {
    this.#revision = revision;
    this.#gone.clear();
    this.removals.goBackTo(revision);
  }

  /** From now on `learnWatched` tells of `prefix`, until the returned function is called. */
  watch(prefix: string): () => void {
    this.#watched.set(prefix, (this.#watched.get(prefix) ?? 0) + 1);
    return () => {
      const left = (this.#watched.get(prefix) ?? 1) - 1;
      if (left > 0) this.#watched.set(prefix, left);
      else this.#watched.delete(prefix);
    };
  }

  /** A watch knows better of all under `prefix` than a list that was answered before and is late. */
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

  /** What a watch of `prefix` told. */
  learnChanges(prefix: string, changes: readonly Change[], revision: Revision): void {
    for (const change of changes) this.#learnChange(change);
    this.#prefixes.set(prefix, revision);
    this.#changed(revision);
  }

  /** This host's no more, for all that is known. */
  forget(key: string): void {
    this.#entries.delete(key);
  }

  /** What became of one key. */
  learn(change: Change): void {
    this.#learnChange(change);
    this.#changed(change.type === 'put' ? change.entry.revision : change.revision);
  }

  /** Takes in what a commit has written, where the rest is known too. */
  learnCommit(writes: readonly Write[], revision: Revision): void {
    for (const write of writes) {
      if ('removePrefix' in write) {
        for (const { key } of this.list(write.removePrefix))
          this.#learnChange({ type: 'remove', key, revision });
      } else if ('remove' in write) this.#learnChange({ type: 'remove', key: write.remove, revision });
      else if (this.covers(write.put)) {
        const createRevision = this.#entries.get(write.put)?.createRevision ?? revision;
        this.#put({ key: write.put, value: write.value, revision, createRevision });
      }
    }
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

  #learnChange(change: Change): void {
    if (change.type === 'put') this.#put(change.entry);
    else {
      this.#noteGone(change.key, change.revision);
      if ((this.#entries.get(change.key)?.revision ?? Infinity) <= change.revision)
        this.#remove(change.key, change.revision);
    }
  }

  /** Of what is later than `revision`, a restored store says that it is not there yet, not that it was removed. */
  #remove(key: string, revision: Revision): void {
    const entry = this.#entries.get(key);
    // When the store carried out what this host asked for without an answer, nobody knows.
    const removedAt = Number.isInteger(revision) ? revision : Number.MAX_SAFE_INTEGER;
    if (entry && entry.revision <= revision) this.removals.note(entry, removedAt);
    this.#entries.delete(key);
  }

  #noteGone(key: string, revision: Revision): void {
    this.#gone.delete(key);
    this.#gone.set(key, revision);
    const [oldest] = this.#gone.keys();
    if (this.#gone.size > MOST_GONE && oldest !== undefined) this.#gone.delete(oldest);
  }

  #put(entry: Entry): void {
    const known = this.#entries.get(entry.key);
    if ((known?.revision ?? 0) > entry.revision || (this.#gone.get(entry.key) ?? 0) > entry.revision) return;
    this.#gone.delete(entry.key);
    this.#entries.set(entry.key, entry);
    this.removals.retract(entry);
  }

  #changed(revision: Revision): void {
    // What this host wrote while the store was away has revisions of its own, between two of the store's.
    this.#revision = Math.max(this.#revision, Math.floor(revision));
    this.#onChange();
  }
}

function isUnder(text: string, prefixes: Iterable<string>): boolean {
  for (const prefix of prefixes) if (text.startsWith(prefix)) return true;
  return false;
}
