/**
 * What stands in for the store while it does not answer: what was last known of it, with this host's own writes on top,
 * and more of these as they come. See fail-static-store.ts.
 */
import { XnetError } from '../../errors.js';
import type { LastKnown } from '../known/last-known.js';
import type { IsOwn, Ownership } from '../known/own-keys.js';
import { entryOf, isOwnRevision, type OwnWrite, type OwnWrites } from '../known/own-writes.js';
import { lostOfOthers, planPutBack } from '../known/plan-put-back.js';
import { ChangeFeed } from '../local/change-feed.js';
import { conditionHolds } from '../local/commit-rules.js';
import type { Change, CommitResult, Condition, Entry, Revision, Snapshot, Write } from '../store.js';
import type { Replayed } from './replay.js';

/** So many commits fit between two revisions of the store, exactly, up to revision 2^33. */
const OWN_STEP = 2 ** -20;

export interface PutBack {
  readonly count: number;
  /** Which other hosts should put back. */
  readonly lostOfOthers: readonly Entry[];
}

export class StandIn {
  readonly known: LastKnown;
  /** Of this host's own writes, and of what became of them. */
  readonly feed = new ChangeFeed();
  readonly #own: OwnWrites;
  readonly #ownership: Ownership;
  /** What readers may still hold of settled writes: by key, the revision they know and the store's. */
  readonly #settled = new Map<string, { readonly own: Revision; readonly stored: Revision }>();
  /** Keys that this host gave up by a commit which may have been carried out. */
  readonly #perhapsGone = new Set<string>();
  #lastOwnRevision: Revision = 0;

  constructor(known: LastKnown, own: OwnWrites, ownership: Ownership) {
    this.known = known;
    this.#own = own;
    this.#ownership = ownership;
  }

  /** What the store does not have yet. */
  get writes(): OwnWrite[] {
    return this.#own.list();
  }

  /** How many these are. */
  get size(): number {
    return this.#own.size;
  }

  get hostId(): string {
    return this.#ownership.hostId;
  }

  get isOwn(): IsOwn {
    return this.#ownership.isOwn;
  }

  /** This host has written the key, and the store does not have that yet. */
  hasOwn(key: string): boolean {
    return this.#own.find(key) !== undefined;
  }

  find(key: string): Entry | undefined {
    const own = this.#own.find(key);
    const known = this.known.find(key);
    return own ? entryOf(own, known) : known;
  }

  snapshot(prefix: string): Snapshot {
    const own = this.#own.list(prefix);
    const hidden = new Set(own.map(({ key }) => key));
    const entries = [
      ...this.known.list(prefix).filter(({ key }) => !hidden.has(key)),
      ...own.flatMap((write) => entryOf(write, this.known.find(write.key)) ?? []),
    ];
    entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    // Not later: whoever keeps what it is told takes older news of what is under the prefix for outdated.
    return { revision: this.known.revisionOf(prefix), entries };
  }

  /** All that the commit says can be judged here, and all that it writes is this host's own. */
  canCommit(conditions: readonly Condition[], writes: readonly Write[]): boolean {
    return (
      conditions.every(({ key }) => this.known.covers(key) || this.hasOwn(key)) &&
      writes.every((write) => this.#canWrite(write))
    );
  }

  #canWrite(write: Write): boolean {
    if ('removePrefix' in write) return false;
    const key = 'put' in write ? write.put : write.remove;
    const stored = this.known.find(key)?.value;
    if (!this.isOwn(key, stored, 'put' in write ? write.value : undefined)) return false;
    return !this.#perhapsGone.has(key) || this.#givenUpBy([write]).length > 0;
  }

  /** The store did not answer, and may have carried it out: others may have by now what this host gives up by it. */
  noteUnanswered(writes: readonly Write[]): void {
    for (const { key } of this.#givenUpBy(writes)) this.#perhapsGone.add(key);
  }

  /** The store answers again, and has what was kept for it. */
  noteAnswered(): void {
    this.#perhapsGone.clear();
  }

  /** For one that `canCommit`. On disk when this resolves. Throws DISK. */
  async commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    if (conditions.some((condition) => !conditionHolds(condition, this.find(condition.key)))) {
      const found = conditions.flatMap(({ key }) => this.find(key) ?? []);
      const revision = Math.min(...conditions.map(({ key }) => this.known.revisionOf(key)));
      return { committed: false, revision, found };
    }
    const revision = this.#nextOwnRevision();
    const kept = writes.map((write) => this.#ownWrite(write, revision));
    await this.#keep(kept, revision);
    return { committed: true, revision };
  }

  /**
   * Before the store is told that this host gives up an address: others may have it soon, and a daemon that starts again
   * while the store is away, after a power cut say, must not take it for this host's. Throws DISK.
   */
  async noteGivenUp(writes: readonly Write[]): Promise<void> {
    const records = this.#givenUpBy(writes);
    if (records.length > 0) await this.#own.giveUp(records);
  }

  #givenUpBy(writes: readonly Write[]): Entry[] {
    return writes.flatMap((write) => {
      const key = 'put' in write ? write.put : 'remove' in write ? write.remove : '';
      const stored = this.known.find(key);
      const written = 'put' in write ? write.value : undefined;
      return stored && this.#ownership.isGivenUp(key, stored.value, written) ? [stored] : [];
    });
  }

  /** A reader may know a settled write by the revision it had here. */
  translate(condition: Condition): Condition {
    if (condition.is !== 'at' || !isOwnRevision(condition.revision)) return condition;
    const settled = this.#settled.get(condition.key);
    const revision = settled?.own === condition.revision ? settled.stored : Number.MAX_SAFE_INTEGER;
    return { ...condition, revision };
  }

  /** Takes in what the store has now under the key of an own write. */
  async settle({ write, revision, stored }: Replayed): Promise<void> {
    const { key } = write;
    const change = changeTo(stored, key, revision);
    this.known.learn(change);
    const later = this.#own.find(key);
    // Written again meanwhile: what is on top of what the store has now is settled in the next round.
    if (later && later.revision !== write.revision) {
      await this.#own.keep([{ ...later, base: stored?.revision ?? 0 }]);
      return;
    }
    if (stored) this.#settled.set(key, { own: write.revision, stored: stored.revision });
    await this.#own.settle(key);
    this.feed.publish(revision, [change]);
  }

  /**
   * The store was restored from an older backup, and `restored` is what is under `prefix` now. Takes that in, and keeps what
   * must be put back or removed again, to be told to the store: on disk when this resolves. Throws the file system's errors.
   */
  async putBack(prefix: string, restored: Snapshot): Promise<PutBack> {
    const { known } = this;
    const state = {
      before: this.snapshot(prefix).entries,
      now: restored.entries,
      findRemoval: (key: string) => known.removals.find(key),
    };
    const writes = planPutBack(state, this.#ownership, this.#nextOwnRevision());
    // At once, so that nobody sees the one without the other.
    const kept = writes.length > 0 ? this.#own.keep(writes) : undefined;
    known.learnWatched(prefix, restored);
    await kept;
    return { count: writes.length, lostOfOthers: lostOfOthers(state, this.#ownership) };
  }

  /** Keeps records of other hosts that a restored store does not have, to be told to it. Throws the file system's errors. */
  async putBackForOthers(lost: readonly Entry[]): Promise<void> {
    const revision = this.#nextOwnRevision();
    await this.#keep(
      lost.map(({ key, value }) => ({ key, value, base: 0, revision })),
      revision,
    );
  }

  async #keep(writes: readonly OwnWrite[], revision: Revision): Promise<void> {
    const before = new Map(writes.map(({ key }) => [key, this.find(key)]));
    await this.#own.keep(writes);
    const changes = writes.map((write) =>
      changeTo(entryOf(write, before.get(write.key)), write.key, revision),
    );
    this.feed.publish(revision, changes);
  }

  #ownWrite(write: Write, revision: Revision): OwnWrite {
    if ('removePrefix' in write) throw new XnetError('INTERNAL', 'a prefix is never of one host');
    const key = 'put' in write ? write.put : write.remove;
    const base = this.#own.find(key)?.base ?? this.known.find(key)?.revision ?? 0;
    if ('remove' in write) return { key, base, revision };
    const { value, lease } = write;
    return { key, base, revision, value, ...(lease && { ttlSeconds: lease.ttlSeconds }) };
  }

  #nextOwnRevision(): Revision {
    const own = this.#own.list().map(({ revision }) => revision);
    this.#lastOwnRevision = Math.max(this.#lastOwnRevision, this.known.revision, ...own) + OWN_STEP;
    return this.#lastOwnRevision;
  }
}

function changeTo(entry: Entry | undefined, key: string, revision: Revision): Change {
  return entry ? { type: 'put', entry } : { type: 'remove', key, revision };
}
