/**
 * A store of the cluster that goes on while the cluster's store, here called the inner one, does not answer. It reads what is
 * known (working-copy.ts), and commits own writes: those that change this host's own records only (own-keys.ts).
 *
 *   answering    until a call gets no answer, or a restore is found: then away
 *   away         until a read, tried every `probeMs`, is answered: then coming back
 *   coming back  away again if a step fails; then answering, if no own write is left and no restore is unsettled:
 *                1. restore compare: if the inner store was restored from a backup, what it lost becomes an own write
 *                   (restores.ts); 2. replay: the own writes are committed to the inner store (replay.ts); 3. settle: after
 *                   a restore, the other hosts get time to put back their records
 *
 * It opens as answering; as away if an earlier run left own writes. Coming back, calls are answered as while away:
 *
 *            answering                                      away, coming back
 *   get      the inner store's answer; what is known, if    what is known; STORE_UNAVAILABLE if `fresh`
 *            that takes longer than `patienceMs`
 *   list     as get (count, too)                            what is known, marked as recalled
 *   commit   to the inner store; an own write that is not   an own write: to the journal on disk; any other waits,
 *            answered is committed as while away            see below
 *   watch    the inner store's batches; own writes hide     first what is known, marked as recalled; then own writes;
 *            what the inner store has under their keys;     and a snapshot when the inner store answers
 *            first what is known, as in get
 *
 * While away, a read of what is not known, and a commit that is no own write, wait up to `returnMs` for the state answering. If
 * the store is still away then, they fail with STORE_UNAVAILABLE and the inner store's reason.
 *
 * Sound because nobody else writes this host's own records. A commit without an answer may have been applied: the replay
 * finds out.
 */
import { join } from 'node:path';
import { withSilenceLimit } from '../../concurrency/deadline.js';
import { LinkedAbort } from '../../concurrency/linked-abort.js';
import { isXnetError, type XnetError } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';
import { noteFormerState } from '../known/former-state.js';
import { LastKnownFile } from '../known/last-known-file.js';
import type { Ownership } from '../known/own-keys.js';
import { OwnWrites } from '../known/own-writes.js';
import { checkCommit } from '../local/commit-rules.js';
import type {
  CommitResult,
  Condition,
  Entry,
  Lease,
  LeaseOptions,
  ListOptions,
  Revision,
  Snapshot,
  Store,
  StoreMember,
  WatchBatch,
  Write,
} from '../store.js';
import { mayBeApplied } from '../transact.js';
import { Outage, type OutageTiming, unavailable } from './outage.js';
import { PromisedLease } from './promised-lease.js';
import { replayOwnWrites } from './replay.js';
import { Restores } from './restores.js';
import { watchFailStatic } from './watch-fail-static.js';
import { WorkingCopy } from './working-copy.js';

export interface FailStaticOptions {
  readonly stateDirectory: string;
  readonly ownership: Ownership;
  /** Prefixes that are watched as long as the store is open, so that they are known. */
  readonly always?: readonly string[];
  readonly logger: Logger;
  readonly timing?: Partial<FailStaticTiming>;
}

export interface FailStaticTiming extends OutageTiming {
  /** How far last-known.jsonl may be behind while the store answers. */
  readonly behindMs: number;
  /** Time limit of the inner store's answer, or of a part of it, where the call can be answered without it. */
  readonly patienceMs: number;
  /** Time that the other hosts get after a restore, to put back their records: a watch begins anew within 3 s. */
  readonly settleMs: number;
}

const DEFAULTS: FailStaticTiming = {
  ...{ behindMs: 2000, patienceMs: 1500, settleMs: 3000 },
  ...{ returnMs: 3200, probeMs: 300 },
};

const RESTORED = 'was restored from an older backup; the hosts put back what it lost';

/** What does not work on a host whose state directory cannot be written. */
const UNWRITABLE =
  'a restart while etcd is away may not know the latest, and when what is kept in reserve is used up, no address is given back and no container starts while etcd is away';

export class FailStaticStore implements Store {
  readonly description: string;
  readonly #timing: FailStaticTiming;
  readonly #copy: WorkingCopy;
  readonly #outage: Outage;
  readonly #closing = new AbortController();
  readonly #restores: Restores;
  readonly #watching: readonly Promise<void>[];

  private constructor(
    private readonly inner: Store,
    { ownership, logger, timing, always = [] }: FailStaticOptions,
    private readonly lastKnown: LastKnownFile,
    private readonly ownWrites: OwnWrites,
  ) {
    const { description } = inner;
    this.description = description;
    this.#timing = { ...DEFAULTS, ...timing };
    const copy = new WorkingCopy(lastKnown.known, ownWrites, ownership);
    this.#copy = copy;
    const { settleMs, probeMs: retryMs } = this.#timing;
    const onFound = () => this.#outage.begin(unavailable(`${description} ${RESTORED}`), 0);
    const restores = new Restores(inner, copy, { onFound, logger, settleMs, retryMs });
    this.#restores = restores;
    const onBegin = () => {
      lastKnown.flush();
      restores.noteAway();
    };
    const comeBack = () => this.#comeBack(logger);
    const isDone = () => ownWrites.size === 0 && restores.isOver;
    this.#outage = new Outage({ onBegin, comeBack, isDone }, this.#timing, logger);
    // An idle host has no call that would find it out.
    inner.onUnanswered?.((error) => this.#outage.begin(error));
    this.#watching = always.map((prefix) => this.#keepWatching(prefix));
    if (ownWrites.size > 0) this.#outage.begin(unavailable(`${description} was not asked yet`), 0);
  }

  /** Reads what an earlier run left in the state directory. Throws DISK. */
  static async open(inner: Store, options: FailStaticOptions): Promise<FailStaticStore> {
    const { stateDirectory, logger, timing } = options;
    const { isOwn, hostId } = options.ownership;
    const { behindMs } = { ...DEFAULTS, ...timing };
    const ownWrites = await OwnWrites.open(join(stateDirectory, 'own-writes.jsonl'), inner.description);
    const fileOptions = { behindMs, ownWrites, isOwn, logger };
    const lastKnown = await LastKnownFile.open(stateDirectory, inner.description, fileOptions);
    noteFormerState(lastKnown.known, hostId);
    return new FailStaticStore(inner, options, lastKnown, ownWrites);
  }

  get away(): boolean {
    return this.#outage.reason !== undefined;
  }

  get problem(): string | undefined {
    const { reason } = this.#outage;
    if (!reason) return undefined;
    const { size } = this.ownWrites;
    return `${reason.message}${size === 0 ? '' : `; ${size} records of this host are kept until it answers`}`;
  }

  get awaySince(): Date | undefined {
    return this.#outage.since;
  }

  async members(): Promise<readonly StoreMember[]> {
    return (await this.inner.members?.()) ?? [];
  }

  get diskProblem(): string | undefined {
    const { problem } = this.lastKnown;
    return problem && `${problem}; until then ${UNWRITABLE}`;
  }

  recall(prefix: string): readonly Entry[] | undefined {
    return this.#copy.known.covers(prefix) ? this.#copy.snapshot(prefix).entries : undefined;
  }

  recallPart(prefix: string): readonly Entry[] {
    return this.#copy.snapshot(prefix).entries;
  }

  forget(prefix: string): void {
    this.#restores.forget(prefix);
  }

  async get(key: string, { fresh = false } = {}): Promise<Entry | undefined> {
    const ask = async () => this.inner.get(key);
    const reason = this.#outage.reason;
    if (fresh && reason) throw unavailable(reason.message, { applied: false });
    return this.#read(key, ask, () => {
      if (fresh) throw this.#outage.reason ?? unavailable(`${this.description} did not answer`);
      return this.#copy.find(key);
    });
  }

  async list(prefix: string, { once = false }: ListOptions = {}): Promise<Snapshot> {
    const ask = async (onProgress: () => void) => {
      const lastSeen = this.#copy.known.revision;
      const snapshot = await this.inner.list(prefix, { onProgress });
      if (once && !this.#copy.known.covers(prefix)) return this.#takeOnce(prefix, snapshot, lastSeen);
      const waiting = { signal: this.#closing.signal, onProgress };
      await this.#restores.takeListed(prefix, snapshot, lastSeen, waiting);
      return this.away ? this.#copy.recalled(prefix) : snapshot;
    };
    return this.#read(prefix, ask, () => this.#copy.recalled(prefix));
  }

  async count(prefix: string): Promise<number> {
    return this.#read(
      prefix,
      () => this.inner.count(prefix),
      () => this.#copy.snapshot(prefix).entries.length,
    );
  }

  async commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    checkCommit(conditions, writes);
    const canCommitHere = () => this.#copy.canCommit(conditions, writes);
    if (!this.away || !canCommitHere()) await this.#outage.wait();
    if (this.away) return this.#commitHere(conditions, writes);
    try {
      return await this.#commitToStore(conditions, writes);
    } catch (error: unknown) {
      const unanswered = asUnanswered(error);
      this.#outage.begin(unanswered);
      if (mayBeApplied(unanswered)) this.#copy.noteUnanswered(writes);
      if (!canCommitHere()) throw unanswered;
      return this.#commitHere(conditions, writes);
    }
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchBatch> {
    using until = new LinkedAbort([signal, this.#closing.signal]);
    const patienceMs = this.away ? 0 : this.#timing.patienceMs;
    yield* watchFailStatic(this.#restores, prefix, patienceMs, until.signal);
  }

  /** While the store is away, a lease that is not renewed is promised, to be granted later. */
  async grantLease(options: LeaseOptions): Promise<Lease> {
    if (options.keepAlive ?? true) return this.inner.grantLease(options);
    try {
      if (!this.away) return await this.#withinPatience(() => this.inner.grantLease(options));
    } catch (error: unknown) {
      this.#outage.begin(asUnanswered(error));
    }
    return new PromisedLease(options.ttlSeconds);
  }

  reconnect(): void {
    this.inner.reconnect?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    const ended = this.#outage[Symbol.asyncDispose]();
    await this.inner[Symbol.asyncDispose]();
    await Promise.all([ended, ...this.#watching]);
    await this.lastKnown[Symbol.asyncDispose]();
    await this.ownWrites[Symbol.asyncDispose]();
  }

  async #read<T>(
    prefix: string,
    ask: (onProgress: () => void) => Promise<T>,
    answerHere: () => T,
  ): Promise<T> {
    const isKnown = this.#copy.known.covers(prefix);
    if (!isKnown) await this.#outage.wait();
    if (this.away) return answerHere();
    try {
      return await (isKnown ? this.#withinPatience(ask) : ask(() => undefined));
    } catch (error: unknown) {
      this.#outage.begin(asUnanswered(error));
      if (!isKnown) throw asUnanswered(error);
      return answerHere();
    }
  }

  /** A store that turns out to be restored has all only when that is settled. */
  async #takeOnce(prefix: string, snapshot: Snapshot, lastSeen: Revision): Promise<Snapshot> {
    this.#restores.noteAnswer(snapshot.revision, lastSeen);
    if (!this.away) return snapshot;
    await this.#outage.wait();
    return this.inner.list(prefix);
  }

  async #commitToStore(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    const translated = conditions.map((condition) => this.#copy.translate(condition));
    const granted = await Promise.all(writes.map((write) => this.#granted(write)));
    await this.#onDisk(this.#copy.noteGivenUp(writes));
    const lastSeen = this.#copy.known.revision;
    const ask = () => this.inner.commit(translated, granted);
    const result = await (this.#copy.canCommit(conditions, writes) ? this.#withinPatience(ask) : ask());
    this.#restores.noteAnswer(result.revision, lastSeen);
    if (result.committed) this.#copy.known.learnCommit(writes, result.revision);
    return result;
  }

  #commitHere(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    return this.#onDisk(this.#copy.commit(conditions, writes));
  }

  /** After a failed write the state directory is tried until it can be written; until then `diskProblem` is set. */
  async #onDisk<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error: unknown) {
      if (isXnetError(error, 'DISK')) this.lastKnown.hint();
      throw error;
    }
  }

  async #granted(write: Write): Promise<Write> {
    if (!('put' in write) || !(write.lease instanceof PromisedLease)) return write;
    return { ...write, lease: await write.lease.grantedBy(this.inner) };
  }

  async #withinPatience<T>(ask: (onProgress: () => void) => Promise<T>): Promise<T> {
    const { patienceMs } = this.#timing;
    try {
      return await withSilenceLimit(ask, patienceMs, 'an answer');
    } catch (error: unknown) {
      if (!isXnetError(error, 'TIMEOUT')) throw error;
      const remedy = 'see that most of its members run, and that this host reaches them';
      throw unavailable(`${this.description}: no answer in ${patienceMs} ms (${remedy})`);
    }
  }

  /** Throws where the inner store does not answer. Returns the number of own writes that were replayed. */
  async #comeBack(logger: Logger): Promise<number> {
    await this.inner.get('probe');
    await this.#restores.compareRest();
    const writes = this.ownWrites.list();
    const { isReplaced } = this.#copy.ownership;
    await replayOwnWrites(this.inner, writes, isReplaced, async (replayed) => {
      if (replayed.lost) logger.error('a record of this host is another’s now', { key: replayed.write.key });
      await this.#copy.settle(replayed);
    });
    await this.#restores.settle(this.#closing.signal);
    this.#copy.noteAnswered();
    return writes.length;
  }

  async #keepWatching(prefix: string): Promise<void> {
    // The watch itself takes each batch into what is known.
    for await (const _ of this.watch(prefix, this.#closing.signal));
  }
}

/** Throws any other error: with that the store has answered. */
function asUnanswered(error: unknown): XnetError {
  if (isXnetError(error, 'STORE_UNAVAILABLE')) return error;
  throw error;
}
