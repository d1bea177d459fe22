/**
 * One host's way to a store that others share, which can be cut: while it is away, reads are answered from what the
 * store last had, and a commit holds if all it writes was this host's own there (an endpoint, or an address claimed by
 * it) or was written so since. Back again, what was written goes to the store. The rest is refused.
 */
import { XnetError } from '../../../src/errors.js';
import { addressRecord, isForeign } from '../../../src/model/address.js';
import { keys } from '../../../src/model/keys.js';
import { findRecord } from '../../../src/model/record.js';
import { ChangeFeed } from '../../../src/store/local/change-feed.js';
import { conditionHolds } from '../../../src/store/local/commit-rules.js';
import type {
  Change,
  CommitResult,
  Condition,
  Entry,
  Lease,
  LeaseOptions,
  Snapshot,
  Store,
  WatchBatch,
  Write,
} from '../../../src/store/store.js';

interface OwnWrite {
  readonly entry: Entry | undefined;
  readonly lease: Lease | undefined;
}

/** So many commits fit between two revisions of the store. */
const OWN_STEP = 2 ** -20;

export class AwayStore implements Store {
  readonly description = 'a store that can be away';
  /** Keys whose writes were given up since the store had another host's record there by then. */
  readonly lost: string[] = [];
  readonly #inner: Store;
  readonly #hostId: string;
  readonly #feed = new ChangeFeed();
  #last: Snapshot | undefined;
  readonly #own = new Map<string, OwnWrite>();
  /** Keys that were given up by a commit that was not answered: others may have them. */
  readonly #perhapsGone = new Set<string>();
  #revision = 0;
  #phase = new AbortController();
  #answer: 'given' | 'lost' | 'lost-unapplied' = 'given';

  constructor(inner: Store, hostId: string) {
    this.#inner = inner;
    this.#hostId = hostId;
  }

  get away(): boolean {
    return this.#last !== undefined;
  }

  async goAway(): Promise<void> {
    if (this.away) return;
    const last = await this.#inner.list('');
    this.#last = last;
    this.#revision = Math.max(this.#revision, last.revision);
    this.#turn();
  }

  /** The next commit goes to the store, or is lost on the way; its answer does not come, and the store is away. */
  loseNextAnswer({ applied }: { applied: boolean }): void {
    this.#answer = applied ? 'lost' : 'lost-unapplied';
  }

  async comeBack(): Promise<void> {
    this.#answer = 'given';
    if (!this.away) return;
    const replayed = new Map<string, OwnWrite>();
    const isLeft = ([key, write]: [string, OwnWrite]) => replayed.get(key) !== write;
    // What is written meanwhile is brought to the store too.
    for (let left = [...this.#own]; left.length > 0; left = [...this.#own].filter(isLeft)) {
      for (const [key, write] of left) {
        await this.#replay(key, write);
        replayed.set(key, write);
      }
    }
    this.#own.clear();
    this.#perhapsGone.clear();
    this.#last = undefined;
    this.#turn();
  }

  async get(key: string, { fresh = false } = {}): Promise<Entry | undefined> {
    if (fresh && this.#last) throw unavailable(key);
    return this.#last ? this.#find(key) : this.#inner.get(key);
  }

  async count(prefix: string): Promise<number> {
    return (await this.list(prefix)).entries.length;
  }

  async list(prefix: string): Promise<Snapshot> {
    return this.#last ? this.#snapshot(prefix) : this.#inner.list(prefix);
  }

  async commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    if (this.#last) return this.#commitHere(conditions, writes);
    if (this.#answer === 'given') return this.#commitToStore(conditions, writes);
    const isApplied = this.#answer === 'lost';
    this.#answer = 'given';
    // The last that was heard is from before the commit.
    await this.goAway();
    if (isApplied) await this.#inner.commit(conditions, writes);
    const result = this.#commitHere(conditions, writes);
    for (const write of writes) if (!this.#isClaim(write)) this.#perhapsGone.add(keyOf(write));
    return result;
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    while (!signal.aborted) {
      const phase = AbortSignal.any([signal, this.#phase.signal]);
      yield* this.#last
        ? this.#feed.watch(prefix, () => this.#snapshot(prefix), phase)
        : this.#inner.watch(prefix, phase);
    }
  }

  async grantLease(options: LeaseOptions): Promise<Lease> {
    if (this.away) throw unavailable('a lease');
    return this.#inner.grantLease(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#phase.abort();
  }

  async #commitToStore(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    const result = await this.#inner.commit(conditions, writes);
    // It went away meanwhile, but this answer was heard.
    if (this.#last) this.#last = await this.#inner.list('');
    return result;
  }

  #commitHere(conditions: readonly Condition[], writes: readonly Write[]): CommitResult {
    const foreign = writes.find((write) => !this.#isOwn(write));
    if (foreign) throw unavailable(`a write of ${JSON.stringify(foreign)}`);
    const found = conditions.flatMap(({ key }) => this.#find(key) ?? []);
    if (!conditions.every((condition) => conditionHolds(condition, this.#find(condition.key)))) {
      return { committed: false, revision: this.#revision, found };
    }
    this.#revision += OWN_STEP;
    const changes = writes.map((write) => this.#write(write));
    this.#feed.publish(this.#revision, changes);
    return { committed: true, revision: this.#revision };
  }

  #isOwn(write: Write): boolean {
    if ('removePrefix' in write) return false;
    const key = keyOf(write);
    if (key.startsWith(keys.endpoints())) return true;
    if (this.#perhapsGone.has(key) && this.#isClaim(write)) return false;
    const last = this.#last?.entries.find((entry) => entry.key === key);
    return last !== undefined && isClaimedBy(this.#hostId, last);
  }

  #isClaim(write: Write): boolean {
    if (!('put' in write)) return false;
    const entry = { key: write.put, value: write.value, revision: 0, createRevision: 0 };
    return isClaimedBy(this.#hostId, entry);
  }

  #write(write: Write): Change {
    const revision = this.#revision;
    if (!('put' in write)) {
      const key = 'remove' in write ? write.remove : '';
      this.#own.set(key, { entry: undefined, lease: undefined });
      return { key, revision, entry: undefined };
    }
    const { put: key, value, lease } = write;
    const entry = { key, value, revision, createRevision: this.#find(key)?.createRevision ?? revision };
    this.#own.set(key, { entry, lease });
    return { key, revision, entry };
  }

  async #replay(key: string, { entry, lease }: OwnWrite): Promise<void> {
    const stored = await this.#inner.get(key);
    if (stored?.value === entry?.value) return;
    if (stored && !isClaimedBy(this.#hostId, stored) && !key.startsWith(keys.endpoints())) {
      // What was given up by a commit that was applied, another host may have by now.
      if (entry && isClaimedBy(this.#hostId, entry)) this.lost.push(key);
      return;
    }
    const { ttlSeconds } = lease ?? {};
    const again =
      ttlSeconds === undefined ? undefined : await this.#inner.grantLease({ ttlSeconds, keepAlive: false });
    const put = entry && { put: key, value: entry.value, ...(again && { lease: again }) };
    await this.#inner.commit([], [put ?? { remove: key }]);
  }

  #find(key: string): Entry | undefined {
    const own = this.#own.get(key);
    return own ? own.entry : this.#last?.entries.find((entry) => entry.key === key);
  }

  #snapshot(prefix: string): Snapshot {
    const kept = this.#last?.entries.filter(({ key }) => !this.#own.has(key)) ?? [];
    const own = [...this.#own.values()].flatMap(({ entry }) => entry ?? []);
    const entries = [...kept, ...own].filter(({ key }) => key.startsWith(prefix));
    entries.sort((one, other) => (one.key < other.key ? -1 : 1));
    return { revision: this.#revision, entries };
  }

  /** Watches go on with another source. */
  #turn(): void {
    const former = this.#phase;
    this.#phase = new AbortController();
    former.abort();
  }
}

function keyOf(write: Write): string {
  if ('put' in write) return write.put;
  return 'remove' in write ? write.remove : write.removePrefix;
}

function isClaimedBy(hostId: string, entry: Entry): boolean {
  const record = findRecord(addressRecord, entry);
  return record?.state === 'claimed' && record.hostId === hostId && !isForeign(record);
}

function unavailable(what: string): XnetError {
  return new XnetError('STORE_UNAVAILABLE', `${what} is refused: the store is away`);
}
