/**
 * A store of the cluster that goes on while the cluster's does not answer ("away"): what was watched or listed is
 * read as it last was, and what is this host's own (see own-keys.ts) is written to a journal on disk, and to the store
 * as soon as it answers. Anything else is refused with the store's reason.
 *
 * Sound because nobody else writes what is a host's own. A commit that was not answered may have been applied: the
 * replay finds that out (replay.ts). While the store answers, calls pass through unchanged.
 */
import { join } from 'node:path';
import { withDeadline } from '../concurrency/deadline.js';
import { errorMessage, isXnetError, XnetError } from '../errors.js';
import type { Logger } from '../observability/logger.js';
import { Absence, type AbsenceTiming, unavailable } from './absence.js';
import { ChangeFeed } from './change-feed.js';
import { checkCommit, conditionHolds } from './commit-rules.js';
import { KeptLease } from './kept-lease.js';
import { LastKnown } from './last-known.js';
import { LastKnownFile, readLastKnown } from './last-known-file.js';
import type { IsOwn } from './own-keys.js';
import { entryOf, isOwnRevision, type OwnWrite, OwnWrites } from './own-writes.js';
import { type Replayed, replayOwnWrites } from './replay.js';
import type {
  Change,
  CommitResult,
  Condition,
  Entry,
  Lease,
  LeaseOptions,
  Revision,
  Snapshot,
  Store,
  WatchBatch,
  Write,
} from './store.js';
import { watchFailStatic } from './watch-fail-static.js';

export interface FailStaticOptions {
  readonly stateDirectory: string;
  readonly isOwn: IsOwn;
  readonly logger: Logger;
  readonly timing?: Partial<FailStaticTiming>;
}

export interface FailStaticTiming extends AbsenceTiming {
  /** How long an answer is waited for that could be given without the store. */
  readonly patienceMs: number;
}

const DEFAULTS: FailStaticTiming = { patienceMs: 1500, returnMs: 3500, probeMs: 300 };

/** So many commits while away fit between two revisions of the store, exactly, up to revision 2^33. */
const OWN_STEP = 2 ** -20;

export class FailStaticStore implements Store {
  readonly description: string;
  readonly #inner: Store;
  readonly #options: FailStaticOptions;
  readonly #timing: FailStaticTiming;
  readonly #known: LastKnown;
  readonly #file: LastKnownFile;
  readonly #own: OwnWrites;
  readonly #feed = new ChangeFeed();
  readonly #closing = new AbortController();
  /** What readers may still hold of settled writes: by key, the revision they know and the store's. */
  readonly #settled = new Map<string, { readonly own: Revision; readonly stored: Revision }>();
  #lastOwnRevision: Revision = 0;
  readonly #absence: Absence;

  private constructor(
    inner: Store,
    options: FailStaticOptions,
    known: LastKnown,
    file: LastKnownFile,
    own: OwnWrites,
  ) {
    this.description = inner.description;
    this.#inner = inner;
    this.#options = options;
    this.#timing = { ...DEFAULTS, ...options.timing };
    this.#known = known;
    this.#file = file;
    this.#own = own;
    const comeBack = async () => {
      await inner.get('probe');
      this.#settled.clear();
      return this.#replay();
    };
    this.#absence = new Absence(comeBack, () => own.size === 0, this.#timing, options.logger);
  }

  /** Takes up what an earlier run left in the state directory. Throws the file system's errors. */
  static async open(inner: Store, options: FailStaticOptions): Promise<FailStaticStore> {
    const { stateDirectory, logger } = options;
    const path = join(stateDirectory, 'last-known.json');
    const content = await readLastKnown(path, inner.description);
    const known: LastKnown = new LastKnown(() => file.hint(), content);
    const file = new LastKnownFile(
      path,
      inner.description,
      () => known.content,
      (reason) => logger.warn(reason),
    );
    const own = await OwnWrites.open(join(stateDirectory, 'own-writes.jsonl'), inner.description);
    const store = new FailStaticStore(inner, options, known, file, own);
    if (own.size > 0) store.#absence.begin(unavailable(`${inner.description} was not asked yet`), 0);
    return store;
  }

  get away(): boolean {
    return this.#absence.reason !== undefined;
  }

  /** Why the store is away, and how much it has to be told when it answers; undefined while it answers. */
  get problem(): string | undefined {
    const { reason } = this.#absence;
    if (!reason) return undefined;
    const kept =
      this.#own.size === 0 ? '' : `; ${this.#own.size} records of this host are kept until it answers`;
    return `${errorMessage(reason)}${kept}`;
  }

  async get(key: string): Promise<Entry | undefined> {
    return this.#read(
      key,
      () => this.#inner.get(key),
      () => this.#find(key),
    );
  }

  async list(prefix: string): Promise<Snapshot> {
    const ask = async () => {
      const snapshot = await this.#inner.list(prefix);
      this.#known.learnListed(prefix, snapshot);
      return snapshot;
    };
    return this.#read(prefix, ask, () => this.#snapshot(prefix));
  }

  async commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    checkCommit(conditions, writes);
    if (!this.away || !this.#isKept(conditions, writes)) await this.#absence.wait();
    if (!this.away) {
      try {
        return await this.#commitToStore(conditions, writes);
      } catch (error: unknown) {
        if (!isUnanswered(error)) throw error;
        this.#absence.begin(asUnavailable(error));
        if (!this.#isKept(conditions, writes)) throw asUnavailable(error);
      }
    }
    return this.#commitHere(conditions, writes);
  }

  watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchBatch> {
    const source = {
      known: this.#known,
      feed: this.#feed,
      inner: this.#inner,
      snapshot: () => this.#snapshot(prefix),
      isOwn: (key: string) => this.#own.find(key) !== undefined,
      patienceMs: () => (this.away ? 0 : this.#timing.patienceMs),
    };
    return watchFailStatic(source, prefix, AbortSignal.any([signal, this.#closing.signal]));
  }

  /** While the store is away, one that nobody renews is promised. */
  async grantLease(options: LeaseOptions): Promise<Lease> {
    if (options.keepAlive ?? true) return this.#inner.grantLease(options);
    try {
      if (!this.away) return await this.#inPatience(this.#inner.grantLease(options));
    } catch (error: unknown) {
      if (!isUnanswered(error)) throw error;
      this.#absence.begin(asUnavailable(error));
    }
    return new KeptLease(options.ttlSeconds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    const ended = this.#absence[Symbol.asyncDispose]();
    await this.#inner[Symbol.asyncDispose]();
    await ended;
    await this.#file[Symbol.asyncDispose]();
    await this.#own[Symbol.asyncDispose]();
  }

  async #read<T>(prefix: string, ask: () => Promise<T>, answerHere: () => T): Promise<T> {
    const covered = this.#known.covers(prefix);
    if (!covered) await this.#absence.wait();
    if (this.away) return answerHere();
    try {
      return await (covered ? this.#inPatience(ask()) : ask());
    } catch (error: unknown) {
      if (!isUnanswered(error)) throw error;
      this.#absence.begin(asUnavailable(error));
      if (!covered) throw asUnavailable(error);
      return answerHere();
    }
  }

  async #commitToStore(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    const translated = conditions.map((condition) => this.#translate(condition));
    const granted = await Promise.all(writes.map((write) => this.#granted(write)));
    const asked = this.#inner.commit(translated, granted);
    const result = await (this.#isKept(conditions, writes) ? this.#inPatience(asked) : asked);
    if (result.committed) this.#known.learnCommit(writes, result.revision);
    return result;
  }

  async #commitHere(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    const refused = conditions.some((condition) => !conditionHolds(condition, this.#find(condition.key)));
    if (refused) {
      const found = conditions.flatMap(({ key }) => this.#find(key) ?? []);
      const revision = Math.min(...conditions.map(({ key }) => this.#known.revisionOf(key)));
      return { committed: false, revision, found };
    }
    const revision = this.#nextOwnRevision();
    const kept = writes.map((write) => this.#ownWrite(write, revision));
    const known = new Map(kept.map(({ key }) => [key, this.#find(key)]));
    await this.#own.keep(kept);
    this.#feed.publish(
      revision,
      kept.map((write) => changeTo(entryOf(write, known.get(write.key)), write.key, revision)),
    );
    return { committed: true, revision };
  }

  #ownWrite(write: Write, revision: Revision): OwnWrite {
    if ('removePrefix' in write) throw new XnetError('INTERNAL', 'a prefix is never of one host');
    const key = 'put' in write ? write.put : write.remove;
    const base = this.#own.find(key)?.base ?? this.#known.find(key)?.revision ?? 0;
    if ('remove' in write) return { key, base, revision };
    return {
      key,
      base,
      revision,
      value: write.value,
      ...(write.lease && { ttlSeconds: write.lease.ttlSeconds }),
    };
  }

  /** All that the commit says can be judged here, and all that it writes is this host's own. */
  #isKept(conditions: readonly Condition[], writes: readonly Write[]): boolean {
    return (
      conditions.every(({ key }) => this.#known.covers(key) || this.#own.find(key)) &&
      writes.every((write) => {
        if ('removePrefix' in write) return false;
        const key = 'put' in write ? write.put : write.remove;
        const stored = this.#known.find(key)?.value;
        return this.#options.isOwn(key, stored, 'put' in write ? write.value : undefined);
      })
    );
  }

  #find(key: string): Entry | undefined {
    const own = this.#own.find(key);
    const known = this.#known.find(key);
    return own ? entryOf(own, known) : known;
  }

  #snapshot(prefix: string): Snapshot {
    const own = this.#own.list(prefix);
    const hidden = new Set(own.map(({ key }) => key));
    const entries = [
      ...this.#known.list(prefix).filter(({ key }) => !hidden.has(key)),
      ...own.flatMap((write) => entryOf(write, this.#known.find(write.key)) ?? []),
    ];
    entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    // Not later: whoever keeps what it is told takes older news of what is under the prefix for outdated.
    return { revision: this.#known.revisionOf(prefix), entries };
  }

  #nextOwnRevision(): Revision {
    const own = this.#own.list().map(({ revision }) => revision);
    this.#lastOwnRevision = Math.max(this.#lastOwnRevision, this.#known.revision, ...own) + OWN_STEP;
    return this.#lastOwnRevision;
  }

  /** A reader may know a settled write by the revision it had here. */
  #translate(condition: Condition): Condition {
    if (condition.is !== 'at' || !isOwnRevision(condition.revision)) return condition;
    const settled = this.#settled.get(condition.key);
    const revision = settled?.own === condition.revision ? settled.stored : Number.MAX_SAFE_INTEGER;
    return { ...condition, revision };
  }

  async #granted(write: Write): Promise<Write> {
    if (!('put' in write) || !(write.lease instanceof KeptLease)) return write;
    return { ...write, lease: await write.lease.grantedBy(this.#inner) };
  }

  #inPatience<T>(work: Promise<T>): Promise<T> {
    return withDeadline(work, this.#timing.patienceMs, `an answer of ${this.description}`);
  }

  /** Hands over what is kept now. Returns how many writes there were. */
  async #replay(): Promise<number> {
    const writes = this.#own.list();
    await replayOwnWrites(this.#inner, writes, this.#options.isOwn, (each) => this.#settle(each));
    return writes.length;
  }

  async #settle({ write, revision, stored, lost }: Replayed): Promise<void> {
    const { key } = write;
    if (lost) this.#options.logger.error('a record of this host is another’s now', { key });
    const later = this.#own.find(key);
    const change = changeTo(stored, key, revision);
    this.#known.learn(change);
    // Written again meanwhile: what is on top of what the store has now is settled in the next round.
    if (later && later.revision !== write.revision) {
      await this.#own.keep([{ ...later, base: stored?.revision ?? 0 }]);
      return;
    }
    if (stored) this.#settled.set(key, { own: write.revision, stored: stored.revision });
    await this.#own.settle(key);
    this.#feed.publish(revision, [change]);
  }
}

function changeTo(entry: Entry | undefined, key: string, revision: Revision): Change {
  return entry ? { type: 'put', entry } : { type: 'remove', key, revision };
}

function isUnanswered(error: unknown): boolean {
  return isXnetError(error, 'STORE_UNAVAILABLE') || isXnetError(error, 'TIMEOUT');
}

function asUnavailable(error: unknown): XnetError {
  return isXnetError(error, 'STORE_UNAVAILABLE') ? error : unavailable(errorMessage(error));
}
