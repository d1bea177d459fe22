/**
 * What is known of the path to one host, and what is to be sent to find out more. Pure: times, in ms of one clock, and answers
 * are given.
 *
 * A path that passes is asked every 8 to 10 s, by a packet as large as containers send. When one is not answered within 1.5 s, the
 * path is doubtful: a small and a large packet are sent every 2 s. It is lost when none was answered for 15 s, which is longer
 * than the sign of life of a host that has died stays in the store. When small ones alone are answered, the largest that passes is
 * searched for: the path is narrow.
 */
import { SizeSearch } from './size-search.js';

/** `narrow`: only packets smaller than those of containers pass. */
export type Verdict = 'passes' | 'narrow' | 'lost';

/** Of the small packet, which every path passes, in bytes. */
export const SMALL_BYTES = 64;

/** With up to so much by chance, so that hosts do not ask in step. */
const [PAUSE_MS, JITTER_MS] = [8_000, 2_000];
const ANSWER_MS = 1_500;
const DOUBT_MS = 2_000;
const LOST_MS = 15_000;
/** Of a path that has never passed: the other host may be about to make its end. */
const NEVER_PASSED_MS = 25_000;
/** So many rounds were not answered, however long they took: this process may have stood still. */
const LOST_ROUNDS = 6;
const NARROW_ROUNDS = 3;
const LOST_PAUSE_MS = 4_000;
const SEARCH_MS = 1_000;
/** A narrow path may have become wider. */
const SEARCH_AGAIN_MS = 120_000;
/** A host that finds no answers asks every 4 s at least. */
const INCOMING_MS = 12_000;

export class Path {
  /** Undefined: not known yet. */
  verdict: Verdict | undefined;
  #mode: 'steady' | 'doubtful' | 'lost' | 'searching' = 'doubtful';
  #dueMs: number;
  /** The sizes of the last round, when they were sent, and which of them were answered. */
  #round = { sizes: [] as readonly number[], atMs: 0, answered: new Set<number>() };
  /** The largest that is known to pass. */
  #largest = 0;
  /** Since when nothing was answered, and for how many rounds; of a path that is doubtful. */
  #silence: { sinceMs: number; rounds: number };
  /** In which something was answered, but not the largest. */
  #narrowRounds = 0;
  #search: SizeSearch | undefined;
  #searchedMs = Number.NEGATIVE_INFINITY;
  #answeredMs: number;
  #roundTripMs: number | undefined;
  #incomingMs = Number.NEGATIVE_INFINITY;

  /** `needed`: the largest packet of containers, in bytes. `slowness`: all pauses are longer by this factor. */
  constructor(
    public needed: number,
    nowMs: number,
    public slowness = 1,
  ) {
    this.#dueMs = nowMs;
    this.#answeredMs = nowMs;
    this.#silence = { sinceMs: nowMs, rounds: 0 };
  }

  /** When `next` is to be called. */
  get dueMs(): number {
    return this.#dueMs;
  }

  get isDoubtful(): boolean {
    return this.#mode === 'doubtful';
  }

  /** All that was sent last was answered. */
  get isAnswered(): boolean {
    return this.#round.sizes.every((size) => this.#round.answered.has(size));
  }

  /** The largest packet that passes, in bytes; undefined: not known, or none does. */
  get largest(): number | undefined {
    return this.verdict === undefined || this.verdict === 'lost' ? undefined : this.#largest;
  }

  /** Of the last answer. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** When the last answer came; before the first, when this began. */
  get answeredMs(): number {
    return this.#answeredMs;
  }

  /** The other host's packets arrive here. */
  isIncoming(nowMs: number): boolean {
    return nowMs - this.#incomingMs < INCOMING_MS * this.slowness;
  }

  noteIncoming(nowMs: number): void {
    this.#incomingMs = nowMs;
  }

  /** Containers send packets of up to so many bytes from now on. */
  need(bytes: number, nowMs: number): void {
    if (bytes === this.needed) return;
    this.needed = bytes;
    if (this.verdict === undefined || this.#mode === 'lost') return;
    this.#doubt(nowMs);
    this.#dueMs = nowMs;
  }

  /** Somebody wants to know how it is now. */
  hasten(nowMs: number): void {
    if (this.#mode === 'steady' || this.#mode === 'lost') this.#dueMs = nowMs;
  }

  noteAnswer(bytes: number, sentMs: number, nowMs: number): void {
    this.#round.answered.add(bytes);
    this.#answeredMs = nowMs;
    this.#roundTripMs = nowMs - sentMs;
    const wasLost = this.#mode === 'lost';
    if (bytes >= this.needed) this.#conclude('passes', this.needed);
    else if (wasLost) this.#doubt(nowMs);
    if (this.#mode === 'steady') this.#dueMs = nowMs + (PAUSE_MS + Math.random() * JITTER_MS) * this.slowness;
    else if (wasLost || (this.#mode === 'searching' && this.isAnswered)) this.#dueMs = nowMs;
  }

  /** The sizes that are to be sent now. To be called when it is due, after what has arrived was noted. */
  next(nowMs: number): readonly number[] {
    this.#judge(nowMs);
    const sizes = this.#sizes();
    this.#round = { sizes, atMs: nowMs, answered: new Set() };
    const waitMs = { steady: ANSWER_MS, doubtful: DOUBT_MS, lost: LOST_PAUSE_MS, searching: SEARCH_MS };
    this.#dueMs = nowMs + waitMs[this.#mode] * this.slowness;
    return sizes;
  }

  #judge(nowMs: number): void {
    const { sizes, atMs, answered } = this.#round;
    if (sizes.length === 0) return;
    if (this.#mode === 'searching') this.#judgeSearch(answered, atMs, nowMs);
    else if (this.#mode === 'doubtful') this.#judgeDoubt(answered, nowMs);
    else if (this.#mode === 'steady') {
      if (!answered.has(this.#largest)) this.#doubt(atMs);
      else if (this.verdict === 'narrow' && nowMs - this.#searchedMs > SEARCH_AGAIN_MS) this.#beginSearch();
    }
  }

  #judgeDoubt(answered: ReadonlySet<number>, nowMs: number): void {
    if (answered.size > 0) {
      this.#silence = { sinceMs: nowMs, rounds: 0 };
      this.#narrowRounds += 1;
      if (this.#narrowRounds >= NARROW_ROUNDS) this.#beginSearch();
      return;
    }
    this.#silence.rounds += 1;
    const patienceMs = this.verdict === undefined ? NEVER_PASSED_MS : LOST_MS;
    const isLong = nowMs - this.#silence.sinceMs >= patienceMs && this.#silence.rounds >= LOST_ROUNDS;
    if (!isLong) return;
    this.#mode = 'lost';
    this.verdict = 'lost';
  }

  #beginSearch(): void {
    this.#mode = 'searching';
    this.#search = new SizeSearch(SMALL_BYTES, this.needed);
  }

  #judgeSearch(answered: ReadonlySet<number>, atMs: number, nowMs: number): void {
    if (!answered.has(SMALL_BYTES)) {
      this.#doubt(atMs);
      return;
    }
    this.#search?.note(answered);
    if (this.#search?.sizes.length) return;
    this.#searchedMs = nowMs;
    this.#conclude('narrow', this.#search?.largest ?? SMALL_BYTES);
  }

  #conclude(verdict: 'passes' | 'narrow', largest: number): void {
    this.verdict = verdict;
    this.#largest = largest;
    this.#mode = 'steady';
  }

  /** `sinceMs`: when that was sent which was not answered. */
  #doubt(sinceMs: number): void {
    this.#mode = 'doubtful';
    this.#silence = { sinceMs, rounds: 0 };
    this.#narrowRounds = 0;
  }

  #sizes(): readonly number[] {
    if (this.#mode === 'lost') return [SMALL_BYTES];
    if (this.#mode === 'searching') return [SMALL_BYTES, ...(this.#search?.sizes ?? [])];
    const sure = this.#mode === 'doubtful' ? SMALL_BYTES : this.#largest;
    return sure === this.needed ? [sure] : [sure, this.needed];
  }
}
