/**
 * Finds that the cluster's store was restored from an older backup, and puts back what it lost: compares what was known of the
 * store with what it has now. Records that are missing become own writes, and so do removals of records that had been removed
 * since the backup (plan-put-back.ts).
 *
 * A restore is found in two ways: the store answers with an earlier revision than before; or it has other entries at an earlier
 * revision than it had then (is-contradicted.ts). The second is needed because revisions go on from the backup's, and may
 * have got beyond those that were known.
 */
import { sleep } from '../../concurrency/deadline.js';
import { nextTurn } from '../../concurrency/turns.js';
import { errorMessage, isXnetError } from '../../errors.js';
import { keys, kindOf } from '../../model/keys.js';
import type { Logger } from '../../observability/logger.js';
import { isContradicted } from '../known/is-contradicted.js';
import { hostOf } from '../known/own-keys.js';
import type { Entry, ListOptions, Past, Revision, Snapshot, Store } from '../store.js';
import type { WorkingCopy } from './working-copy.js';

/**
 * Lifetime of a put-back mark, the record by which a host shows the others that it has put back its own records. All other
 * hosts must find the restore within it, also one that is cut off: a host that finds it later sees no mark, and puts back
 * what it last knew of the host.
 */
const MARK_SECONDS = 600;

export interface RestoresOptions {
  /** Called when a restore is found. Until `compareRest` and `settle` have resolved, the store's content is not complete. */
  readonly onFound: () => void;
  readonly logger: Logger;
  /** Time that the other hosts get to find the restore, and to put back their own records. */
  readonly settleMs: number;
  /** Between two requests to a store that does not answer. */
  readonly retryMs: number;
}

/** How long an answer is waited for. */
export interface Waiting extends ListOptions {
  readonly signal: AbortSignal;
}

export class Restores {
  /** Prefixes that were known when the restore was found, and are not compared yet. */
  readonly #uncompared = new Set<string>();
  /** Of these, the ones that are to be forgotten. */
  readonly #forgotten = new Set<string>();
  /** Prefixes whose past was compared since the store was last away. */
  readonly #checked = new Set<string>();
  /** Records of other hosts that the store has lost, by key. */
  readonly #lostOfOthers = new Map<string, Entry>();
  /** Put-back marks of earlier restores, value by key: a backup of that time has them again. */
  readonly #formerMarks = new Map<string, string>();
  /** Restores that were found. */
  #restoreCount = 0;
  #settledAt = 0;
  #isSettling = false;

  /** `copy`: what this host knows of `inner`. */
  constructor(
    readonly inner: Store,
    readonly copy: WorkingCopy,
    private readonly options: RestoresOptions,
  ) {}

  get isOver(): boolean {
    return this.#uncompared.size === 0 && !this.#isSettling;
  }

  /** The store is away: when it answers again, it may have been restored. */
  noteAway(): void {
    this.#checked.clear();
  }

  /** Updates what is known by a watch's snapshot. Without effect when `waiting`'s signal aborts. Never rejects. */
  async takeWatched(prefix: string, snapshot: Snapshot, waiting: Waiting): Promise<void> {
    await this.#check(prefix, snapshot.revision, waiting);
    await nextTurn();
    // Perhaps not checked: a daemon that ends must not keep what a restored store has as what was known before.
    if (waiting.signal.aborted) return;
    if (!(await this.#compare(prefix, snapshot))) this.copy.known.learnWatched(prefix, snapshot);
  }

  /** As `takeWatched`, by the answer of a list; `lastSeen`: the store's revision known before the list. Never rejects. */
  async takeListed(prefix: string, snapshot: Snapshot, lastSeen: Revision, waiting: Waiting): Promise<void> {
    const { known } = this.copy;
    this.noteAnswer(snapshot.revision, lastSeen);
    const isChecked = this.#checked.has(prefix) || known.isWatched(prefix);
    if (!isChecked) await this.#check(prefix, snapshot.revision, waiting);
    if (waiting.signal.aborted) return;
    if (!(await this.#compare(prefix, snapshot))) known.learnListed(prefix, snapshot);
  }

  /** Compares the revision of an answer with `lastSeen`, the store's revision known before the request. */
  noteAnswer(revision: Revision, lastSeen: Revision): void {
    // Otherwise the restore was found since the request.
    const isStillKnown = lastSeen <= this.copy.known.revision;
    if (revision < lastSeen && isStillKnown) this.#begin(revision);
  }

  /** As `LastKnown.forgetPrefix`, once what is known by it has been compared: what is not known would count as removed. */
  forget(prefix: string): void {
    if (this.#uncompared.has(prefix)) this.#forgotten.add(prefix);
    else this.copy.known.forgetPrefix(prefix);
  }

  /** Compares the prefixes that no watch and no list has compared since the restore. Throws the store's errors. */
  async compareRest(): Promise<void> {
    for (const prefix of this.#uncompared) await this.#compare(prefix, await this.inner.list(prefix));
  }

  /**
   * To be called when this host has put back its own records. Writes its put-back mark, and waits for the other hosts' marks.
   * What hosts without a mark have lost then becomes own writes of this host. Throws the store's and the file system's errors.
   */
  async settle(signal: AbortSignal): Promise<void> {
    if (!this.#isSettling) return;
    const { inner, copy } = this;
    const { logger } = this.options;
    const restoreCount = this.#restoreCount;
    const lease = await inner.grantLease({ ttlSeconds: MARK_SECONDS, keepAlive: false });
    await inner.commit([], [{ put: keys.putBack(copy.ownership.hostId), value: lease.id, lease }]);
    await sleep(Math.max(0, this.#settledAt - performance.now()), signal);
    signal.throwIfAborted();
    const marks = (await inner.list(keys.putBacks())).entries;
    const fresh = marks.filter(({ key, value }) => this.#formerMarks.get(key) !== value);
    const missing = await this.#missingOfUnmarked(new Set(fresh.map(({ key }) => key)));
    for (const { key, value } of marks) this.#formerMarks.set(key, value);
    if (restoreCount !== this.#restoreCount) return;
    if (missing.length > 0) await copy.putBackForOthers(missing);
    if (missing.length > 0) logger.warn('records of silent hosts are put back', { putBack: missing.length });
    this.#lostOfOthers.clear();
    this.#isSettling = false;
  }

  /** What the store still misses of hosts that are not in `marks`, the keys of put-back marks. */
  async #missingOfUnmarked(marks: ReadonlySet<string>): Promise<Entry[]> {
    const lists = await Promise.all(kindsOf(this.#lostOfOthers.keys()).map((kind) => this.inner.list(kind)));
    const present = new Set(lists.flatMap(({ entries }) => entries.map(({ key }) => key)));
    return [...this.#lostOfOthers.values()].filter(
      ({ key, value }) => !present.has(key) && !marks.has(keys.putBack(hostOf(key, value) ?? '')),
    );
  }

  #begin(revision: Revision): void {
    const { known } = this.copy;
    const { onFound, logger, settleMs } = this.options;
    logger.warn('the store was restored from an older backup', { store: this.inner.description, revision });
    known.goBackTo(Math.min(revision, known.revision));
    this.#lostOfOthers.clear();
    this.#isSettling = true;
    this.#restoreCount += 1;
    this.#settledAt = performance.now() + settleMs;
    // At 0 (former-state.ts) nothing is known of the store: what it has was not removed.
    for (const prefix of known.prefixes) if (known.knownAt(prefix) !== 0) this.#uncompared.add(prefix);
    onFound();
  }

  /** Finds a restore by the store's past under `prefix`. Not needed for a prefix that is compared anyway. */
  async #check(prefix: string, now: Revision, waiting: Waiting): Promise<void> {
    const { known } = this.copy;
    const revision = known.knownAt(prefix);
    this.#checked.add(prefix);
    if (revision === undefined || this.#uncompared.has(prefix)) return;
    const restoreCount = this.#restoreCount;
    const entries = known.listAlone(prefix);
    const past = await this.#askPast(prefix, revision, waiting);
    // Else another prefix has found the restore meanwhile, and this one has been compared.
    if (past === undefined || restoreCount !== this.#restoreCount) return;
    if (isContradicted({ revision, entries, removals: known.removals }, past)) this.#begin(now);
  }

  /** undefined: `signal` has aborted, or the store cannot answer. */
  async #askPast(prefix: string, revision: Revision, waiting: Waiting): Promise<Past | undefined> {
    const { signal } = waiting;
    while (!signal.aborted) {
      try {
        return await this.inner.past?.(prefix, revision, waiting);
      } catch (error: unknown) {
        if (!isXnetError(error, 'STORE_UNAVAILABLE')) return undefined;
        await sleep(this.options.retryMs, signal);
      }
    }
    return undefined;
  }

  /** False: no comparison was due, and nothing was done. True: what is known is updated by `snapshot`. */
  async #compare(prefix: string, snapshot: Snapshot): Promise<boolean> {
    if (!this.#uncompared.delete(prefix)) return false;
    const { logger } = this.options;
    try {
      const { count, lostOfOthers } = await this.copy.putBack(prefix, snapshot);
      for (const entry of lostOfOthers) this.#lostOfOthers.set(entry.key, entry);
      if (count > 0) logger.info('records are put back as they were before the restore', { prefix, count });
    } catch (error: unknown) {
      logger.error('records of a restored store cannot be put back', { prefix, error: errorMessage(error) });
    }
    if (this.#forgotten.delete(prefix)) this.copy.known.forgetPrefix(prefix);
    return true;
  }
}

function kindsOf(of: Iterable<string>): string[] {
  return [...new Set([...of].map(kindOf))];
}
