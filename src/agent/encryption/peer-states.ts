import type { PeerTraffic } from '../../dataplane/encryption/encryption.js';

export interface PeerState {
  /** When both last agreed on a key for packets; absent: not since the device was made. */
  readonly handshake?: Date | undefined;
  /** Since when this host has sent packets of which none can have been read; absent: it has not. */
  readonly unansweredSince?: Date | undefined;
}

interface Known extends PeerState {
  readonly sent: number;
}

/** Keys of packets are made anew every two minutes while packets pass, and are dropped after three (WireGuard's paper, section 6.1). */
export const STALE_MS = 180_000;

/** What is known of each key of the other hosts, from one look to the next. No effects. */
export class PeerStates {
  #known = new Map<string, Known>();

  get all(): ReadonlyMap<string, PeerState> {
    return this.#known;
  }

  /** `now`: when `peers` were read. */
  note(peers: readonly PeerTraffic[], now: Date): void {
    this.#known = new Map(peers.map((peer) => [peer.publicKey, this.#next(peer, now)]));
  }

  /** A device that was made anew counts from zero. */
  #next({ publicKey, handshake, sent }: PeerTraffic, now: Date): Known {
    const before = this.#known.get(publicKey);
    const isFresh = handshake !== undefined && now.getTime() - handshake.getTime() < STALE_MS;
    const hasSent = before !== undefined && sent > before.sent;
    const since = isFresh ? undefined : (before?.unansweredSince ?? (hasSent ? now : undefined));
    return { sent, ...(handshake && { handshake }), ...(since && { unansweredSince: since }) };
  }
}

/** Packets are sent, and none has been read for as long as keys last. */
export function isUnanswered({ unansweredSince }: PeerState, now: Date): boolean {
  return unansweredSince !== undefined && now.getTime() - unansweredSince.getTime() >= STALE_MS;
}
