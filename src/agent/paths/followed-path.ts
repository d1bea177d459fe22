import { Path, type Verdict } from './path.js';

/** A host with which this one shares a network. */
export interface PathPeer {
  readonly id: string;
  readonly name: string;
  readonly vtep: string;
  readonly isAlive: boolean;
  /** The largest packet that its containers send, in bytes; undefined: it measures no paths, or not yet. */
  readonly mtu: number | undefined;
}

/** What is known of a path, for people. */
export interface PathState {
  /** Undefined: not known yet. */
  readonly verdict: Verdict | undefined;
  /** Since when; of a lost path, when the last packet was answered. */
  readonly since: Date;
  /** Of the last answer, in ms. */
  readonly roundTripMs: number | undefined;
  /** All that was sent last was answered. */
  readonly isAnswered: boolean;
  /** The largest packet that passes, in bytes; undefined: not known, or none does. */
  readonly largest: number | undefined;
  /** The largest that containers of either host send, in bytes. */
  readonly needed: number;
  /** The largest that containers of the other host send, in bytes. */
  readonly peerMtu: number | undefined;
  /** The other host's packets arrive here. */
  readonly isIncoming: boolean;
}

/** The path to a host, and since when it is as it is. */
export class FollowedPath {
  readonly path: Path;
  #verdict: Verdict | undefined;
  #since = new Date();

  constructor(
    public peer: PathPeer,
    ownMtu: number,
    nowMs: number,
  ) {
    this.path = new Path(Math.max(ownMtu, peer.mtu ?? 0), nowMs);
  }

  get state(): PathState {
    const { verdict, roundTripMs, largest, needed, isAnswered } = this.path;
    const isIncoming = this.path.isIncoming(performance.now());
    return {
      verdict,
      since: this.#since,
      roundTripMs,
      isAnswered,
      largest,
      needed,
      peerMtu: this.peer.mtu,
      isIncoming,
    };
  }

  /** `ownMtu`: the largest packet that the containers of this host send. */
  update(peer: PathPeer, ownMtu: number, slowness: number, nowMs: number): void {
    this.peer = peer;
    this.path.slowness = slowness;
    this.path.need(Math.max(ownMtu, peer.mtu ?? 0), nowMs);
  }

  /** True: it is not any more as it was. */
  noteVerdict(nowMs: number): boolean {
    const { verdict, answeredMs } = this.path;
    if (verdict === this.#verdict) return false;
    this.#verdict = verdict;
    this.#since = new Date(Date.now() - (verdict === 'lost' ? nowMs - answeredMs : 0));
    return true;
  }
}
