import type { SegmentLink } from '../forwarding/forwarding-plan.js';
import { Pair, type Way } from './pair.js';
import type { Tested } from './pair-words.js';

/** A host with which this one shares a routed network. */
export interface PairPeer {
  readonly id: string;
  readonly name: string;
  readonly vtep: string;
  /** Why it cannot be tested; undefined: it can. */
  readonly obstacle?: string | undefined;
}

/** What is known of a pair, for people. */
export interface PairState {
  readonly way: Way;
  readonly since: Date;
  /** A clause: what was found. */
  readonly why: string;
}

export class FollowedPair {
  readonly pair: Pair;
  /** When the kernel is to be asked for the way to it. */
  lookMs: number;
  #since = new Date();
  #known: Pick<Pair, 'way' | 'mac'> = { way: 'tunnel', mac: undefined };

  constructor(
    public peer: PairPeer,
    tested: Tested,
    nowMs: number,
  ) {
    this.pair = new Pair(tested, nowMs);
    this.lookMs = nowMs;
  }

  get state(): PairState {
    const { way, why } = this.pair;
    return { way, since: this.#since, why };
  }

  get link(): SegmentLink | undefined {
    const { mac, way } = this.pair;
    return mac === undefined ? undefined : { mac, isDirect: way === 'direct' };
  }

  /** What has changed since the last call; undefined: nothing. */
  takeChange(): 'way' | 'mac' | undefined {
    const { way, mac } = this.pair;
    const known = this.#known;
    this.#known = { way, mac };
    if (way === known.way) return mac === known.mac ? undefined : 'mac';
    this.#since = new Date();
    return 'way';
  }
}
