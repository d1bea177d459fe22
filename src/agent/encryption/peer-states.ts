import type { PeerTraffic } from '../../dataplane/encryption/encryption.js';

export interface PeerState {
  /** Where its packets go, with port. */
  readonly endpoint?: string | undefined;
  /** When both last agreed on a key for packets; absent: not since the device was made. */
  readonly handshake?: Date | undefined;
  /** Since when this host has sent packets of which none can have been read; absent: it has not, or sends none any more. */
  readonly unansweredSince?: Date | undefined;
}

interface Known extends PeerState {
  readonly sent: number;
  /** When that was seen to grow. */
  readonly sentAt?: Date | undefined;
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
  #next({ publicKey, endpoint, handshake, sent }: PeerTraffic, now: Date): Known {
    const before = this.#known.get(publicKey);
    const sentAt = before !== undefined && sent > before.sent ? now : before?.sentAt;
    // A peer that is not sent anything needs no key: a host that was away for a while counts as reached until it is tried.
    const isReached = isRecent(handshake, now) || !isRecent(sentAt, now);
    const since = isReached ? undefined : (before?.unansweredSince ?? sentAt);
    return {
      sent,
      ...(sentAt && { sentAt }),
      ...(endpoint !== undefined && { endpoint }),
      ...(handshake && { handshake }),
      ...(since && { unansweredSince: since }),
    };
  }
}

/** Not what is to come: it is from before the clock was set back. */
function isRecent(at: Date | undefined, now: Date): boolean {
  if (at === undefined) return false;
  const ageMs = now.getTime() - at.getTime();
  return ageMs >= 0 && ageMs < STALE_MS;
}

/** Packets are sent, and none has been read for as long as keys last. */
export function isUnanswered({ unansweredSince }: PeerState, now: Date): boolean {
  return unansweredSince !== undefined && now.getTime() - unansweredSince.getTime() >= STALE_MS;
}
