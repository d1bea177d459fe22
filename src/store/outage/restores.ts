/**
 * Finds that the cluster's store was restored from an older backup, and compares all that was known of it with what it has
 * then: what is missing is put back, what had been removed since is removed again (plan-put-back.ts).
 *
 * It is found when the store shows an earlier revision than it had before, or says something else of its past: after a
 * restore its revisions go on from the backup's, and may have got beyond those that were known.
 */
import { sleep } from '../../concurrency/deadline.js';
import { errorMessage, isXnetError } from '../../errors.js';
import { keys, kindOf } from '../../model/keys.js';
import type { Logger } from '../../observability/logger.js';
import { isContradicted } from '../known/is-contradicted.js';
import { hostOf } from '../known/own-keys.js';
import type { Entry, Past, Revision, Snapshot, Store } from '../store.js';
import type { StandIn } from './stand-in.js';

/**
 * How long a host's word lasts that it has put back what is its own: until all others have found the restore, those too that
 * were cut off meanwhile. One that finds it later takes what it last knew of a host for what that host has lost.
 */
const SAID_SECONDS = 600;

export interface RestoresParts {
  readonly inner: Store;
  readonly standIn: StandIn;
  /** Called when it is found: `compareRest` and `settle` are to be awaited before anything is decided by what it has. */
  readonly onFound: () => void;
  readonly logger: Logger;
  /** How long the other hosts may take to find it, and to put back what is theirs. */
  readonly settleMs: number;
  /** Between two questions to a store that does not answer. */
  readonly retryMs: number;
}

export class Restores {
  readonly #parts: RestoresParts;
  /** Prefixes that were known when it was found, and are not compared yet. */
  readonly #uncompared = new Set<string>();
  /** Prefixes of which the past is as it was known since the store last answered after a silence. */
  readonly #checked = new Set<string>();
  /** Records of other hosts that the store has lost, by key. */
  readonly #lostOfOthers = new Map<string, Entry>();
  /** By which keys, and which values, hosts gave their word at an earlier restore: a backup of that time has them again. */
  readonly #formerWords = new Map<string, string>();
  #found = 0;
  #settledAt = 0;
  #isSettling = false;

  constructor(parts: RestoresParts) {
    this.#parts = parts;
  }

  get isOver(): boolean {
    return this.#uncompared.size === 0 && !this.#isSettling;
  }

  /** The store does not answer: another may, in its place. */
  noteSilence(): void {
    this.#checked.clear();
  }

  /** Takes a watch's snapshot in. Without effect when `signal` aborts. Never rejects. */
  async takeWatched(prefix: string, snapshot: Snapshot, signal: AbortSignal): Promise<void> {
    await this.#check(prefix, snapshot.revision, signal);
    if (!(await this.#compare(prefix, snapshot))) this.#parts.standIn.known.learnWatched(prefix, snapshot);
  }

  /** Takes a list's answer in; `heard`: the revision known when it was asked for. Never rejects. */
  async takeListed(prefix: string, snapshot: Snapshot, heard: Revision, signal: AbortSignal): Promise<void> {
    const { known } = this.#parts.standIn;
    this.noteAnswer(snapshot.revision, heard);
    const isChecked = this.#checked.has(prefix) || known.isWatched(prefix);
    if (!isChecked) await this.#check(prefix, snapshot.revision, signal);
    if (!(await this.#compare(prefix, snapshot))) known.learnListed(prefix, snapshot);
  }

  /** Of an answer to what was asked for when `heard` was known already. */
  noteAnswer(revision: Revision, heard: Revision): void {
    // Else it was found after that.
    const isStillKnown = heard <= this.#parts.standIn.known.revision;
    if (revision < heard && isStillKnown) this.#begin(revision);
  }

  /** Compares what no watch and no list has brought since. Throws the store's errors. */
  async compareRest(): Promise<void> {
    for (const kind of kindsOf(this.#uncompared)) {
      const { revision, entries } = await this.#parts.inner.list(kind);
      for (const prefix of [...this.#uncompared].filter((each) => each.startsWith(kind))) {
        const under = entries.filter(({ key }) => key.startsWith(prefix));
        await this.#compare(prefix, { revision, entries: under });
      }
    }
  }

  /**
   * To be called when this host has put back what is its own: says so to the others, and gives them their time. What hosts
   * have lost that did not say so then is kept, to be told to the store for them. Throws the store's and the file system's
   * errors.
   */
  async settle(signal: AbortSignal): Promise<void> {
    if (!this.#isSettling) return;
    const { inner, standIn, logger } = this.#parts;
    const found = this.#found;
    const lease = await inner.grantLease({ ttlSeconds: SAID_SECONDS, keepAlive: false });
    await inner.commit([], [{ put: keys.putBack(standIn.hostId), value: lease.id, lease }]);
    await sleep(Math.max(0, this.#settledAt - performance.now()), signal);
    signal.throwIfAborted();
    const words = (await inner.list(keys.putBacks())).entries;
    const given = words.filter(({ key, value }) => this.#formerWords.get(key) !== value);
    const missing = await this.#missingOfSilent(new Set(given.map(({ key }) => key)));
    for (const { key, value } of words) this.#formerWords.set(key, value);
    if (found !== this.#found) return;
    if (missing.length > 0) await standIn.putBackForOthers(missing);
    if (missing.length > 0) logger.warn('records of silent hosts are put back', { putBack: missing.length });
    this.#lostOfOthers.clear();
    this.#isSettling = false;
  }

  /** `words`: keys of those who said that they have put back their own. */
  async #missingOfSilent(words: ReadonlySet<string>): Promise<Entry[]> {
    const { inner } = this.#parts;
    const lists = await Promise.all(kindsOf(this.#lostOfOthers.keys()).map((kind) => inner.list(kind)));
    const present = new Set(lists.flatMap(({ entries }) => entries.map(({ key }) => key)));
    return [...this.#lostOfOthers.values()].filter(
      ({ key, value }) => !present.has(key) && !words.has(keys.putBack(hostOf(key, value) ?? '')),
    );
  }

  #begin(revision: Revision): void {
    const { standIn, onFound, logger, inner, settleMs } = this.#parts;
    logger.warn('the store was restored from an older backup', { store: inner.description, revision });
    standIn.known.goBackTo(Math.min(revision, standIn.known.revision));
    this.#lostOfOthers.clear();
    this.#isSettling = true;
    this.#found += 1;
    this.#settledAt = performance.now() + settleMs;
    for (const prefix of standIn.known.prefixes) this.#uncompared.add(prefix);
    onFound();
  }

  /** Asks the store whether it still says what it said; not of what is compared anyway. */
  async #check(prefix: string, now: Revision, signal: AbortSignal): Promise<void> {
    const { known } = this.#parts.standIn;
    const revision = known.knownAt(prefix);
    this.#checked.add(prefix);
    if (revision === undefined || this.#uncompared.has(prefix)) return;
    const found = this.#found;
    const entries = known.listAlone(prefix);
    const past = await this.#askPast(prefix, revision, signal);
    const findRemoval = (key: string) => known.removals.find(key);
    // It was found meanwhile by another prefix, and this one has been compared with it.
    if (past === undefined || found !== this.#found) return;
    if (isContradicted({ revision, entries, findRemoval }, past)) this.#begin(now);
  }

  /** undefined: nobody wants to know any more, or nobody can tell. */
  async #askPast(prefix: string, revision: Revision, signal: AbortSignal): Promise<Past | undefined> {
    const { inner, retryMs } = this.#parts;
    while (!signal.aborted) {
      try {
        return await inner.past?.(prefix, revision);
      } catch (error: unknown) {
        if (!isXnetError(error, 'STORE_UNAVAILABLE')) return undefined;
        await sleep(retryMs, signal);
      }
    }
    return undefined;
  }

  /** False when there is nothing to be compared; else the snapshot is taken in. */
  async #compare(prefix: string, snapshot: Snapshot): Promise<boolean> {
    if (!this.#uncompared.delete(prefix)) return false;
    const { standIn, logger } = this.#parts;
    try {
      const { count, lostOfOthers } = await standIn.putBack(prefix, snapshot);
      for (const entry of lostOfOthers) this.#lostOfOthers.set(entry.key, entry);
      if (count > 0) logger.info('records are put back as they were before the restore', { prefix, count });
    } catch (error: unknown) {
      logger.error('records of a restored store cannot be put back', { prefix, error: errorMessage(error) });
    }
    return true;
  }
}

function kindsOf(of: Iterable<string>): string[] {
  return [...new Set([...of].map(kindOf))];
}
