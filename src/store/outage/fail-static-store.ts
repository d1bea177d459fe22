/**
 * A store of the cluster that goes on while the cluster's does not answer ("away"): what was watched or listed is
 * read as it last was, and what is this host's own (own-keys.ts) is written to a journal on disk, and to the store
 * as soon as it answers. Anything else is refused with the store's reason.
 *
 * Sound because nobody else writes what is a host's own. A commit that was not answered may have been applied: the
 * replay finds that out (replay.ts). While the store answers, calls pass through unchanged.
 */
import { join } from 'node:path';
import { withDeadline } from '../../concurrency/deadline.js';
import { isXnetError, type XnetError } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';
import { LastKnown } from '../known/last-known.js';
import { LastKnownFile, readLastKnown } from '../known/last-known-file.js';
import type { Ownership } from '../known/own-keys.js';
import { OwnWrites } from '../known/own-writes.js';
import { checkCommit } from '../local/commit-rules.js';
import type {
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
} from '../store.js';
import { Absence, type AbsenceTiming, unavailable } from './absence.js';
import { KeptLease } from './kept-lease.js';
import { type Replayed, replayOwnWrites } from './replay.js';
import { Restores } from './restores.js';
import { StandIn } from './stand-in.js';
import { watchFailStatic } from './watch-fail-static.js';

export interface FailStaticOptions {
  readonly stateDirectory: string;
  readonly ownership: Ownership;
  /** Prefixes that are watched all the time, besides those that are asked for. */
  readonly always?: readonly string[];
  readonly logger: Logger;
  readonly timing?: Partial<FailStaticTiming>;
}

export interface FailStaticTiming extends AbsenceTiming {
  /** How far the file of what the store last said may be behind while it answers. */
  readonly behindMs: number;
  /** How long an answer is waited for that could be given without the store. */
  readonly patienceMs: number;
  /** How long the other hosts are waited for after a restore of the store: a watch begins anew within 3 s. */
  readonly settleMs: number;
}

const DEFAULTS: FailStaticTiming = {
  ...{ behindMs: 2000, patienceMs: 1500, settleMs: 3000 },
  ...{ returnMs: 3200, probeMs: 300 },
};

const RESTORED = 'was restored from an older backup; the hosts put back what it lost';

/** What a host whose state directory cannot be written is without. */
const UNWRITABLE =
  'a restart while etcd is away may not know the latest, and when what is kept in reserve is used up, no address is given back and no container starts while etcd is away';

interface Files {
  readonly lastKnown: LastKnownFile;
  readonly ownWrites: OwnWrites;
}

export class FailStaticStore implements Store {
  readonly description: string;
  readonly #inner: Store;
  readonly #options: FailStaticOptions;
  readonly #timing: FailStaticTiming;
  readonly #standIn: StandIn;
  readonly #absence: Absence;
  readonly #files: Files;
  readonly #closing = new AbortController();
  readonly #restores: Restores;
  #watching: readonly Promise<void>[] = [];

  private constructor(inner: Store, options: FailStaticOptions, standIn: StandIn, files: Files) {
    this.description = inner.description;
    this.#inner = inner;
    this.#options = options;
    this.#timing = { ...DEFAULTS, ...options.timing };
    this.#standIn = standIn;
    this.#files = files;
    const { logger } = options;
    const { settleMs, probeMs: retryMs } = this.#timing;
    const onFound = () => this.#absence.begin(unavailable(`${inner.description} ${RESTORED}`), 0);
    const restores = new Restores({ inner, standIn, onFound, logger, settleMs, retryMs });
    this.#restores = restores;
    const onBegin = () => {
      files.lastKnown.flush();
      restores.noteSilence();
    };
    const comeBack = () => this.#comeBack();
    const isDone = () => standIn.size === 0 && restores.isOver;
    this.#absence = new Absence({ onBegin, comeBack, isDone }, this.#timing, logger);
  }

  /** Takes up what an earlier run left in the state directory. Throws DISK. */
  static async open(inner: Store, options: FailStaticOptions): Promise<FailStaticStore> {
    const { stateDirectory, ownership, logger, always = [] } = options;
    const { description } = inner;
    const path = join(stateDirectory, 'last-known.json');
    const content = await readLastKnown(path, description);
    const known: LastKnown = new LastKnown(() => lastKnown.hint(), content);
    const ownWrites = await OwnWrites.open(join(stateDirectory, 'own-writes.jsonl'), description);
    // Of one that this host has claimed again since, the file has the later record.
    const isSince = (key: string, revision: Revision) => (known.find(key)?.revision ?? 0) > revision;
    for (const [key, revision] of ownWrites.givenUp) if (!isSince(key, revision)) known.forget(key);
    const onWriting = () => {
      // What is not committed yet is still in the file as this host's.
      const isOver = (key: string, revision: Revision) =>
        isSince(key, revision) || !ownership.isOwn(key, known.find(key)?.value, undefined);
      const givenUp = new Map([...ownWrites.givenUp].filter((each) => isOver(...each)));
      return async () => {
        await ownWrites.forgetGivenUp(givenUp);
        await ownWrites.keepSpareRoom();
      };
    };
    const { behindMs } = { ...DEFAULTS, ...options.timing };
    const onProblem = (problem: string | undefined) =>
      problem ? logger.warn(problem) : logger.info('the state directory can be written again', { path });
    const fileOptions = { behindMs, onWriting, onProblem };
    const lastKnown = new LastKnownFile(path, description, () => known.content, fileOptions);
    const standIn = new StandIn(known, ownWrites, ownership);
    const store = new FailStaticStore(inner, options, standIn, { lastKnown, ownWrites });
    store.#watching = always.map((prefix) => store.#keepWatching(prefix));
    if (ownWrites.size > 0) store.#absence.begin(unavailable(`${description} was not asked yet`), 0);
    return store;
  }

  get away(): boolean {
    return this.#absence.reason !== undefined;
  }

  get problem(): string | undefined {
    const { reason } = this.#absence;
    if (!reason) return undefined;
    const { size } = this.#standIn;
    return `${reason.message}${size === 0 ? '' : `; ${size} records of this host are kept until it answers`}`;
  }

  get awaySince(): Date | undefined {
    return this.away ? this.#absence.since : undefined;
  }

  get diskProblem(): string | undefined {
    const { problem } = this.#files.lastKnown;
    return problem && `${problem}; until then ${UNWRITABLE}`;
  }

  recall(prefix: string): readonly Entry[] | undefined {
    return this.#standIn.known.covers(prefix) ? this.#standIn.snapshot(prefix).entries : undefined;
  }

  async get(key: string, { fresh = false } = {}): Promise<Entry | undefined> {
    const ask = () => this.#inner.get(key);
    const reason = this.#absence.reason;
    if (fresh && reason) throw unavailable(reason.message, { applied: false });
    return this.#read(key, ask, () => {
      if (fresh) throw this.#absence.reason ?? unavailable(`${this.description} did not answer`);
      return this.#standIn.find(key);
    });
  }

  async list(prefix: string): Promise<Snapshot> {
    const ask = async () => {
      const heard = this.#standIn.known.revision;
      const snapshot = await this.#inner.list(prefix);
      await this.#restores.takeListed(prefix, snapshot, heard, this.#closing.signal);
      return this.away ? this.#recalled(prefix) : snapshot;
    };
    return this.#read(prefix, ask, () => this.#recalled(prefix));
  }

  async commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    checkCommit(conditions, writes);
    const canBeKept = () => this.#standIn.canCommit(conditions, writes);
    if (!this.away || !canBeKept()) await this.#absence.wait();
    if (this.away) return this.#commitHere(conditions, writes);
    try {
      return await this.#commitToStore(conditions, writes);
    } catch (error: unknown) {
      const unanswered = asUnanswered(error);
      this.#absence.begin(unanswered);
      if (unanswered.fields.applied !== false) this.#standIn.noteUnanswered(writes);
      if (!canBeKept()) throw unanswered;
      return this.#commitHere(conditions, writes);
    }
  }

  watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchBatch> {
    const source = {
      standIn: this.#standIn,
      inner: this.#inner,
      takeSnapshot: (snapshot: Snapshot, until: AbortSignal) =>
        this.#restores.takeWatched(prefix, snapshot, until),
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
      this.#absence.begin(asUnanswered(error));
    }
    return new KeptLease(options.ttlSeconds);
  }

  reconnect(): void {
    this.#inner.reconnect?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    const ended = this.#absence[Symbol.asyncDispose]();
    await this.#inner[Symbol.asyncDispose]();
    await Promise.all([ended, ...this.#watching]);
    await this.#files.lastKnown[Symbol.asyncDispose]();
    await this.#files.ownWrites[Symbol.asyncDispose]();
  }

  async #read<T>(prefix: string, ask: () => Promise<T>, answerHere: () => T): Promise<T> {
    const isKnown = this.#standIn.known.covers(prefix);
    if (!isKnown) await this.#absence.wait();
    if (this.away) return answerHere();
    try {
      return await (isKnown ? this.#inPatience(ask()) : ask());
    } catch (error: unknown) {
      this.#absence.begin(asUnanswered(error));
      if (!isKnown) throw asUnanswered(error);
      return answerHere();
    }
  }

  #recalled(prefix: string): Snapshot {
    return { ...this.#standIn.snapshot(prefix), recalled: true };
  }

  async #commitToStore(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    const translated = conditions.map((condition) => this.#standIn.translate(condition));
    const granted = await Promise.all(writes.map((write) => this.#granted(write)));
    await this.#onDisk(this.#standIn.noteGivenUp(writes));
    const heard = this.#standIn.known.revision;
    const asked = this.#inner.commit(translated, granted);
    const result = await (this.#standIn.canCommit(conditions, writes) ? this.#inPatience(asked) : asked);
    this.#restores.noteAnswer(result.revision, heard);
    if (result.committed) this.#standIn.known.learnCommit(writes, result.revision);
    return result;
  }

  #commitHere(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    return this.#onDisk(this.#standIn.commit(conditions, writes));
  }

  /** A disk that takes nothing is tried from then on until it does, and is a problem so long. */
  async #onDisk<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error: unknown) {
      if (isXnetError(error, 'DISK')) this.#files.lastKnown.hint();
      throw error;
    }
  }

  async #granted(write: Write): Promise<Write> {
    if (!('put' in write) || !(write.lease instanceof KeptLease)) return write;
    return { ...write, lease: await write.lease.grantedBy(this.#inner) };
  }

  async #inPatience<T>(work: Promise<T>): Promise<T> {
    const { patienceMs } = this.#timing;
    try {
      return await withDeadline(work, patienceMs, 'an answer');
    } catch (error: unknown) {
      if (!isXnetError(error, 'TIMEOUT')) throw error;
      const remedy = 'see that most of its members run, and that this host reaches them';
      throw unavailable(`${this.description}: no answer in ${patienceMs} ms (${remedy})`);
    }
  }

  /** Hands over what is kept, when the store answers. Returns how many writes there were. */
  async #comeBack(): Promise<number> {
    await this.#inner.get('probe');
    await this.#restores.compareRest();
    const { writes, isOwn } = this.#standIn;
    await replayOwnWrites(this.#inner, writes, isOwn, (replayed) => this.#settle(replayed));
    await this.#restores.settle(this.#closing.signal);
    this.#standIn.noteAnswered();
    return writes.length;
  }

  async #settle(replayed: Replayed): Promise<void> {
    const { write, lost } = replayed;
    if (lost) this.#options.logger.error('a record of this host is another’s now', { key: write.key });
    await this.#standIn.settle(replayed);
  }

  async #keepWatching(prefix: string): Promise<void> {
    // What it tells is taken in on the way.
    for await (const _ of this.watch(prefix, this.#closing.signal));
  }
}

/** Throws what is an answer. */
function asUnanswered(error: unknown): XnetError {
  if (isXnetError(error, 'STORE_UNAVAILABLE')) return error;
  throw error;
}
