/**
 * Whether this host sends the packets of routed networks to one other host directly or through the tunnel. Pure: times, in ms of one
 * clock, what the kernel knows of the way, and answers are given.
 *
 * It is the tunnel until probes were answered for a calm time, 3 s at first. Directly there are two probes a second; one without an
 * answer within 200 ms is followed by others at once, and four of them in a row make it the tunnel, 1.0 s after the segment failed at the
 * latest. Each such change doubles the calm time, up to 5 minutes; after ten minutes of direct packets it is 3 s again.
 */
import type { Reach } from '../../dataplane/pairs.js';
import { SMALL_BYTES } from '../paths/path.js';
import { type NoReach, noAnswer, notOnSegment, type Probe, type Tested } from './pair-words.js';

export type Way = 'direct' | 'tunnel';

/** Probes are sent at multiples of it, those of all pairs at once, so that this process is woken less often. */
const PACE_MS = 500;
const ANSWER_MS = 200;
const DOUBT_MS = 100;
const MOST_MISSES = 4;
/** Of a pair that does not answer. */
const ASK_MS = 2_000;
const [CALM_MS, MOST_CALM_MS, STEADY_MS] = [3_000, 300_000, 600_000];
/** In a calm time, however long it took: this process may have stood still. */
const CALM_ANSWERS = 6;
/** Directly, one of so many probes is as large as containers' packets. */
const LARGE_EVERY = 20;

export class Pair {
  way: Way = 'tunnel';
  /** Of the other host, on this one's segment; frames from it are of that host. Undefined: not known, or it is on another segment. */
  mac: string | undefined;
  /** When `next` is to be called. */
  dueMs: number;
  #why: string | undefined = 'it was not tested yet';
  /** The last probe, and whether it was answered. */
  #probe: Probe | undefined;
  #sentMs = 0;
  #isAnswered = false;
  #rounds = 0;
  #misses = 0;
  /** Since when, and how many, answers came without a miss; of a pair in its calm time. */
  #calm: { readonly sinceMs: number; answers: number } | undefined;
  #calmMs = CALM_MS;
  #directSinceMs = 0;

  constructor(
    public tested: Tested,
    nowMs: number,
  ) {
    this.dueMs = nowMs;
  }

  /** A probe was not answered, and it is not decided yet. */
  get isDoubtful(): boolean {
    return this.way === 'direct' && this.#misses > 0;
  }

  /** Why it is this way, for people. */
  get why(): string {
    if (this.#why !== undefined) return this.#why;
    if (this.way === 'direct') return 'it answers probes on the segment';
    if (this.#calm) return `it answers, and has to do so for ${this.#calmMs / 1000} s`;
    return noAnswer(this.#misses, this.#probe, this.tested);
  }

  noteReach(reach: Reach | NoReach, nowMs: number): void {
    if (reach.kind !== 'segment') this.#leaveSegment(reach, nowMs);
    else if (reach.mac !== undefined) this.#noteMac(reach.mac, nowMs);
    // One that was known goes on being asked: the kernel forgets neighbours.
    else if (this.mac === undefined) this.#why = 'its MAC is unknown: it does not answer ARP or ND';
  }

  noteAnswer(nowMs: number): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#misses = 0;
    if (this.way === 'tunnel') {
      this.#why = undefined;
      this.#calm ??= { sinceMs: nowMs, answers: 0 };
      this.#calm.answers += 1;
    }
    this.dueMs = nextBeat(this.#sentMs);
  }

  /** What is to be sent now; undefined: nothing. To be called when it is due, after what has arrived was noted. */
  next(nowMs: number): Probe | undefined {
    this.#judge(nowMs);
    if (this.mac === undefined) {
      this.dueMs = nowMs + ASK_MS;
      return undefined;
    }
    // What was not answered is sent again, so that what passes alone does not hide what does not.
    if (!this.#probe || this.#isAnswered) this.#probe = this.#nextProbe();
    this.#sentMs = nowMs;
    this.#isAnswered = false;
    const waitMs = this.#misses > 0 ? DOUBT_MS : ANSWER_MS;
    this.dueMs = this.way === 'direct' ? nowMs + waitMs : this.#calm ? nextBeat(nowMs) : nowMs + ASK_MS;
    return this.#probe;
  }

  #judge(nowMs: number): void {
    if (!this.#probe || this.mac === undefined) return;
    if (!this.#isAnswered) this.#noteMiss(nowMs);
    else if (this.#calm && this.way === 'tunnel') this.#judgeCalm(this.#calm, nowMs);
  }

  #noteMiss(nowMs: number): void {
    this.#misses += 1;
    this.#calm = undefined;
    if (this.way === 'tunnel') this.#why = undefined;
    else if (this.#misses >= MOST_MISSES) this.#fall(undefined, nowMs);
  }

  #judgeCalm(
    { sinceMs, answers }: { readonly sinceMs: number; readonly answers: number },
    nowMs: number,
  ): void {
    if (nowMs - sinceMs < this.#calmMs || answers < CALM_ANSWERS) return;
    this.way = 'direct';
    this.#calm = undefined;
    this.#directSinceMs = nowMs;
  }

  /** Through the tunnel from now on; `why` undefined: there were no answers. */
  #fall(why: string | undefined, nowMs: number): void {
    this.way = 'tunnel';
    this.#calm = undefined;
    this.#why = why;
    const isSteady = nowMs - this.#directSinceMs >= STEADY_MS;
    this.#calmMs = isSteady ? CALM_MS : Math.min(this.#calmMs * 2, MOST_CALM_MS);
  }

  #leaveSegment(reach: Exclude<Reach, { kind: 'segment' }> | NoReach, nowMs: number): void {
    const why = notOnSegment(reach);
    if (this.way === 'direct') this.#fall(why, nowMs);
    this.#why = why;
    this.mac = undefined;
    this.#forgetProbes();
  }

  /** Nothing that the former one answered says anything of this one. */
  #noteMac(mac: string, nowMs: number): void {
    if (mac === this.mac) return;
    const why =
      this.mac === undefined ? 'it has not answered yet' : `its MAC has changed from ${this.mac} to ${mac}`;
    if (this.way === 'direct') this.#fall(why, nowMs);
    this.#why = why;
    this.mac = mac;
    this.#forgetProbes();
    this.dueMs = nowMs;
  }

  #forgetProbes(): void {
    this.#calm = undefined;
    this.#probe = undefined;
    this.#misses = 0;
  }

  /** All kinds in turn; directly mostly small ones. */
  #nextProbe(): Probe {
    const { families, mtu } = this.tested;
    this.#rounds += 1;
    const family = families[this.#rounds % families.length] ?? 4;
    const turn = Math.floor(this.#rounds / families.length);
    const isLarge = turn % (this.way === 'direct' ? LARGE_EVERY : 2) === 0;
    return { family, bytes: isLarge ? mtu : SMALL_BYTES };
  }
}

function nextBeat(sinceMs: number): number {
  return (Math.floor(sinceMs / PACE_MS) + 1) * PACE_MS;
}
