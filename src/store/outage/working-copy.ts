/**
 * This host's working copy of the store: what was last known of it, with this host's own writes on top. While the store is
 * away, it is read, and own writes are committed to it. See fail-static-store.ts.
 */
import { XnetError } from '../../errors.js';
import { twinKeyOf } from '../../model/by-host.js';
import type { LastKnown } from '../known/last-known.js';
import type { Ownership } from '../known/own-keys.js';
import { entryOf, isOwnRevision, type OwnWrite, type OwnWrites } from '../known/own-writes.js';
import { lostOfOthers, planPutBack } from '../known/plan-put-back.js';
import { ChangeFeed } from '../local/change-feed.js';
import { conditionHolds } from '../local/commit-rules.js';
import type { CommitResult, Condition, Entry, Revision, Snapshot, Write } from '../store.js';
import type { Replayed } from './replay.js';

/** Step of the revisions of own writes, which are fractions between two of the store's. Exact up to revision 2^33. */
const OWN_STEP = 2 ** -20;

export class WorkingCopy {
  /** Yields own writes, and after the replay what the store has in their place. */
  readonly feed = new ChangeFeed();
  /** Of settled own writes, by key: the revision that readers may still have, and the store's. */
  readonly #settled = new Map<string, { readonly own: Revision; readonly stored: Revision }>();
  /** Keys that this host gave up by a commit that may have been applied. */
  readonly #perhapsGivenUp = new Set<string>();
  #lastOwnRevision: Revision = 0;

  constructor(
    readonly known: LastKnown,
    /** The own writes that the store does not have yet. */
    private readonly own: OwnWrites,
    readonly ownership: Ownership,
  ) {}

  /** This host has written the key, and the store does not have that yet. */
  hasOwn(key: string): boolean {
    return this.own.find(key) !== undefined;
  }

  find(key: string): Entry | undefined {
    const own = this.own.find(key);
    const known = this.known.get(key);
    return own ? entryOf(own, known) : known;
  }

  snapshot(prefix: string): Snapshot {
    const own = this.own.list(prefix);
    const hidden = new Set(own.map(({ key }) => key));
    const entries = [
      ...this.known.list(prefix).filter(({ key }) => !hidden.has(key)),
      ...own.flatMap((write) => entryOf(write, this.known.get(write.key)) ?? []),
    ];
    entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    // Not a later one: a reader drops changes that are older than the snapshot it has.
    return { revision: this.known.revisionOf(prefix), entries };
  }

  recalled(prefix: string): Snapshot {
    return { ...this.snapshot(prefix), recalled: true };
  }

  /** True: all keys of the conditions are known, and all writes are own writes. */
  canCommit(conditions: readonly Condition[], writes: readonly Write[]): boolean {
    return (
      conditions.every(({ key }) => this.known.covers(key) || this.hasOwn(key)) &&
      writes.every((write) => this.#canWrite(write))
    );
  }

  #canWrite(write: Write): boolean {
    if ('removePrefix' in write) return false;
    const key = 'put' in write ? write.put : write.remove;
    const stored = this.known.get(key)?.value;
    if (!this.ownership.isOwn(key, stored, 'put' in write ? write.value : undefined)) return false;
    return !this.#perhapsGivenUp.has(key) || this.#givenUpBy([write]).length > 0;
  }

  /** To be called for a commit of unknown outcome: other hosts may have by now what this host gives up by it. */
  noteUnanswered(writes: readonly Write[]): void {
    for (const { key } of this.#givenUpBy(writes)) this.#perhapsGivenUp.add(key);
  }

  /** The store answers again, and has all own writes. */
  noteAnswered(): void {
    this.#perhapsGivenUp.clear();
  }

  /** For a commit that `canCommit`. On disk when this resolves. Throws DISK. */
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
   * To be called before the commit by which this host gives up an address: another host may claim it as soon as that is
   * committed. A daemon that starts while the store is away, after a power cut say, must not take it for this host's. On disk
   * when this resolves. Throws DISK.
   */
  async noteGivenUp(writes: readonly Write[]): Promise<void> {
    const records = this.#givenUpBy(writes);
    if (records.length > 0) await this.own.giveUp(records);
  }

  #givenUpBy(writes: readonly Write[]): Entry[] {
    return writes.flatMap((write) => {
      const key = 'put' in write ? write.put : 'remove' in write ? write.remove : '';
      const stored = this.known.get(key);
      const written = 'put' in write ? write.value : undefined;
      return stored && this.ownership.isGivenUp(key, stored.value, written) ? [stored] : [];
    });
  }

  /** Makes a condition on the revision of an own write, as readers may have it, one on the store's revision. */
  translate(condition: Condition): Condition {
    if (condition.is !== 'at' || !isOwnRevision(condition.revision)) return condition;
    const settled = this.#settled.get(condition.key);
    const revision = settled?.own === condition.revision ? settled.stored : Number.MAX_SAFE_INTEGER;
    return { ...condition, revision };
  }

  /** Ends an own write: what the store has under its key now is known. */
  async settle({ write, revision, stored }: Replayed): Promise<void> {
    const { key } = write;
    const change = { key, revision, entry: stored };
    this.known.learn(change);
    const later = this.own.find(key);
    // Written again meanwhile: the later own write is replayed in the next round, on top of what the store has now.
    if (later && later.revision !== write.revision) {
      await this.own.keep([{ ...later, base: stored?.revision ?? 0 }]);
      return;
    }
    if (stored) this.#settled.set(key, { own: write.revision, stored: stored.revision });
    await this.own.settle(key);
    this.feed.publish(revision, [change]);
  }

  /**
   * The store was restored from an older backup, and `restored` is what it has under `prefix` now. That is known from now on;
   * what must be put back or removed again becomes own writes, on disk when this resolves. Returns their count, and the records
   * that the store has lost and other hosts put back. Throws the file system's errors.
   */
  async putBack(prefix: string, restored: Snapshot) {
    const { known } = this;
    const state = {
      before: this.snapshot(prefix).entries,
      now: restored.entries,
      removals: known.removals,
    };
    const writes = planPutBack(state, this.ownership, this.#nextOwnRevision());
    // Both in one turn of the event loop, so that no reader sees the restored content without the own writes.
    const kept = writes.length > 0 ? this.own.keep(writes) : undefined;
    known.learnWatched(prefix, restored);
    await kept;
    return { count: writes.length, lostOfOthers: lostOfOthers(state, this.ownership) };
  }

  /** Makes `lost`, records of other hosts that a restored store does not have, own writes. Throws the file system's errors. */
  async putBackForOthers(lost: readonly Entry[]): Promise<void> {
    const revision = this.#nextOwnRevision();
    const withTwins = lost.flatMap((entry) => {
      const twin = twinKeyOf(entry);
      return [entry, ...(twin === undefined ? [] : [{ ...entry, key: twin }])];
    });
    await this.#keep(
      withTwins.map(({ key, value }) => ({ key, value, base: 0, revision })),
      revision,
    );
  }

  async #keep(writes: readonly OwnWrite[], revision: Revision): Promise<void> {
    const before = new Map(writes.map(({ key }) => [key, this.find(key)]));
    await this.own.keep(writes);
    const changes = writes.map((write) => {
      const { key } = write;
      return { key, revision, entry: entryOf(write, before.get(key)) };
    });
    this.feed.publish(revision, changes);
  }

  #ownWrite(write: Write, revision: Revision): OwnWrite {
    if ('removePrefix' in write) throw new XnetError('INTERNAL', 'a prefix is never of one host');
    const key = 'put' in write ? write.put : write.remove;
    const base = this.own.find(key)?.base ?? this.known.get(key)?.revision ?? 0;
    if ('remove' in write) return { key, base, revision };
    const { value, lease } = write;
    return { key, base, revision, value, ...(lease && { ttlSeconds: lease.ttlSeconds }) };
  }

  #nextOwnRevision(): Revision {
    const own = this.own.list().map(({ revision }) => revision);
    this.#lastOwnRevision = Math.max(this.#lastOwnRevision, this.known.revision, ...own) + OWN_STEP;
    return this.#lastOwnRevision;
  }
}
