import { forEachInTurns } from '../concurrency/turns.js';
import type { RecordReader } from '../store/record-reader.js';
import {
  type CommitResult,
  type Condition,
  changesOf,
  type Entry,
  foundUnder,
  type Snapshot,
  type Store,
  type WatchBatch,
  type Write,
} from '../store/store.js';
import { type Changed, Contents, type Versioned } from './contents.js';

/** What is under one key. */
export interface Known<T> extends Versioned {
  /** undefined: this xnet cannot read it. */
  readonly record: T | undefined;
  /** The value, where it cannot be read. */
  readonly unread?: string;
}

/** The keys that changed, each with what was known before and what is known now. */
export type ViewChanges<T> = ReadonlyMap<string, Changed<Known<T>>>;

/** Throws when the entry cannot be read. */
export type Read<T> = (entry: Entry) => T;

export interface ViewParts<T> {
  readonly store: Store;
  readonly prefix: string;
  readonly read: Read<T>;
  readonly records: RecordReader;
  /** Other keys are ignored. */
  readonly isWanted: (key: string) => boolean;
  readonly onClosed: () => void;
}

/**
 * All records under one prefix, as this host knows them now. Each is parsed once, when it arrives. Level-triggered: a listener
 * reads the present records, and may confine itself to the keys that changed.
 *
 * A record that cannot be read is a problem of `xnet status` as long as it is there.
 */
export class View<T> implements AsyncDisposable {
  #setReady: () => void = () => undefined;
  /** Resolves when the view has its first snapshot, or is closed before. */
  readonly ready = new Promise<void>((resolve) => {
    this.#setReady = resolve;
  });
  /** Records of a snapshot that is about to be taken in. */
  readonly #prepared = new Map<Entry, Known<T>>();
  readonly #contents = new Contents(
    (entry) => this.#prepared.get(entry) ?? this.#read(entry),
    (key) => this.parts.isWanted(key),
  );
  /** Keys of commits of unknown outcome that have not changed since. */
  readonly #doubtful = new Set<string>();
  readonly #listeners = new Set<(changes: ViewChanges<T>) => void>();
  readonly #closing = new AbortController();
  readonly #ended: Promise<void>;
  #records: readonly T[] | undefined;
  #isCurrent = false;
  #isReady = false;

  constructor(private readonly parts: ViewParts<T>) {
    this.#ended = this.#follow();
  }

  /** False until the store itself has answered: what is known is from an earlier run, or nothing is known. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  /** Nothing later can be known now: the store has answered, or is away. */
  get isLatest(): boolean {
    return this.#isReady && (this.#isCurrent || this.parts.store.away);
  }

  /** Something is known, if only of an earlier run. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get(key: string): Known<T> | undefined {
    return this.#contents.get(key);
  }

  /** False after a commit of unknown outcome, until a change of the key is known. */
  isCertain(key: string): boolean {
    return !this.#doubtful.has(key);
  }

  /** Includes records that cannot be read. */
  all(): Iterable<Known<T>> {
    return this.#contents.all();
  }

  /** The records that can be read. The same array until something changes. */
  get records(): readonly T[] {
    this.#records ??= [...this.all()].flatMap(({ record }) => (record === undefined ? [] : [record]));
    return this.#records;
  }

  /** Calls `listener` after each batch of changes and after each snapshot, until the returned function is called. */
  onChange(listener: (changes: ViewChanges<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Lists the prefix again: afterwards every commit that was acknowledged before the call is known. Throws the store's errors. */
  async refresh(): Promise<void> {
    const { newest } = this.#contents;
    const snapshot = await this.parts.store.list(this.parts.prefix);
    // The store was restored from an older backup, and has no later revisions any more.
    await this.#prepare(snapshot);
    const forgotten = snapshot.revision < newest ? this.#contents.forget() : [];
    this.#take([...forgotten, ...this.#replace(snapshot)]);
  }

  /** Takes in the result of this host's commit: what it has written, or what was found where a condition did not hold. */
  learn(conditions: readonly Condition[], writes: readonly Write[], result: CommitResult): void {
    const changes = result.committed
      ? changesOf(writes, result.revision, this.#contents)
      : conditions.map(({ key }) => foundUnder(key, result));
    const here = changes.filter(({ key }) => key.startsWith(this.parts.prefix));
    const changed = this.#contents.follow(here, true);
    if (changed.length > 0) this.#take(changed);
  }

  /** To be called for `writes` of a commit that may have been applied. */
  doubt(writes: readonly Write[]): void {
    for (const { key } of changesOf(writes, 0, this.#contents))
      if (key.startsWith(this.parts.prefix)) this.#doubtful.add(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#ended;
    this.parts.onClosed();
  }

  async #follow(): Promise<void> {
    for await (const batch of this.parts.store.watch(this.parts.prefix, this.#closing.signal)) {
      await this.#takeBatch(batch);
      this.#setReady();
    }
    this.parts.records.forget(this.parts.prefix);
    this.#setReady();
  }

  async #takeBatch(batch: WatchBatch): Promise<void> {
    if (batch.type === 'snapshot') await this.#prepare(batch.snapshot);
    this.#isReady = true;
    if (batch.type === 'changes') return this.#take(this.#contents.follow(batch.changes, batch.isAhead));
    // A snapshot older than what is known was listed earlier, or the store was restored: another list decides which.
    const isOld = batch.snapshot.revision < this.#contents.newest;
    this.#isCurrent = batch.snapshot.recalled !== true;
    this.#take(this.#replace(batch.snapshot));
    // If the list fails, the watch fails as well, and begins anew with another snapshot.
    if (isOld) await this.refresh().catch(() => undefined);
  }

  /** Parses what is new, without blocking the event loop. Nothing is taken in before all is parsed. */
  async #prepare({ entries }: Snapshot): Promise<void> {
    await forEachInTurns(entries, (entry) => {
      const isNew = (this.#contents.get(entry.key)?.revision ?? 0) < entry.revision;
      if (isNew && this.parts.isWanted(entry.key)) this.#prepared.set(entry, this.#read(entry));
    });
  }

  #replace(snapshot: Snapshot): Changed<Known<T>>[] {
    const changed = this.#contents.replace(snapshot);
    for (const entry of snapshot.entries) {
      const wasPrepared = this.#prepared.delete(entry);
      // Removed while the others were parsed.
      if (wasPrepared && !this.#contents.get(entry.key)) this.parts.records.forgetKey(entry.key);
    }
    return changed;
  }

  #take(changed: readonly Changed<Known<T>>[]): void {
    const changes = new Map<string, Changed<Known<T>>>();
    for (const { key, before, now } of changed) {
      const first = changes.get(key);
      changes.set(key, { key, before: first ? first.before : before, now });
    }
    for (const { key, now } of changes.values()) {
      this.#doubtful.delete(key);
      if (!now) this.parts.records.forgetKey(key);
    }
    if (changes.size > 0) this.#records = undefined;
    for (const listener of this.#listeners) listener(changes);
  }

  #read(entry: Entry): Known<T> {
    const { key, revision, createRevision, value } = entry;
    const record = this.parts.records.readOne(this.parts.read, entry);
    return { key, revision, createRevision, record, ...(record === undefined && { unread: value }) };
  }
}
