/** How a WireGuard device differs from what it shall be: words for `wg set`. Pure. */
import { isIPv6 } from 'node:net';
import type { WireGuardDevice, WireGuardPeer } from '../../native/netlink/wireguard.js';
import type { Repair } from '../dataplane.js';
import type { EncryptionPeer, EncryptionTunnel } from './encryption.js';

export interface DeviceChanges {
  /** Empty: nothing is to be done. */
  readonly words: readonly string[];
  /** What of it somebody else must have altered, if the device was as wanted before. */
  readonly repairs: readonly Repair[];
}

/** Keys are made anew every two minutes while packets pass: a peer without a handshake for so long is not reached where it was. */
const HANDSHAKE_MS = 180_000;

/**
 * A peer may have come from another address than it has recorded, behind NAT: while it is reached there, it stays so, unless what is
 * recorded is another than in `former`, the tunnel as it was last ensured.
 */
export function diffDevice(
  observed: WireGuardDevice,
  wanted: EncryptionTunnel,
  now: Date,
  former?: EncryptionTunnel,
): DeviceChanges {
  const own = [
    ...(observed.privateKey === wanted.privateKey ? [] : ['private-key', '/dev/stdin']),
    ...(observed.port === wanted.port ? [] : ['listen-port', `${wanted.port}`]),
  ];
  const before = new Map(observed.peers.map((peer) => [peer.publicKey, peer]));
  const recorded = new Map(former?.peers.map((peer) => [peer.publicKey, endpointText(peer)]));
  const keys = new Set(wanted.peers.map(({ publicKey }) => publicKey));
  const extra = observed.peers.filter(({ publicKey }) => !keys.has(publicKey));
  const changed = wanted.peers.flatMap((peer) => {
    const { publicKey } = peer;
    const isMoved = recorded.has(publicKey) && recorded.get(publicKey) !== endpointText(peer);
    const words = peerWords(peer, before.get(publicKey), (at) => !isMoved && isRecent(at, now));
    return words.length > 0 ? [{ peer, words }] : [];
  });
  return {
    words: [
      ...own,
      // First: an address is one peer's.
      ...extra.flatMap(({ publicKey }) => ['peer', publicKey, 'remove']),
      ...changed.flatMap(({ peer, words }) => ['peer', peer.publicKey, ...words]),
    ],
    repairs: [
      ...(own.length > 0 ? [repair(wanted.device, 'altered')] : []),
      ...extra.map(({ publicKey }) => repair(publicKey, 'extra')),
      ...changed.map(({ peer: { publicKey } }) =>
        repair(publicKey, before.has(publicKey) ? 'altered' : 'missing'),
      ),
    ],
  };
}

function repair(object: string, was: Repair['was']): Repair {
  return { kind: 'encryption', object, was };
}

/** One that is to come is from before the clock was set back: it says nothing. */
function isRecent(handshake: Date, now: Date): boolean {
  const ageMs = now.getTime() - handshake.getTime();
  return ageMs >= 0 && ageMs < HANDSHAKE_MS;
}

/** `isReached`: where it is now, by its last handshake. */
function peerWords(
  peer: EncryptionPeer,
  observed: WireGuardPeer | undefined,
  isReached: (handshake: Date) => boolean,
): string[] {
  const endpoint = endpointText(peer);
  const allowed = `${peer.vtep}/128`;
  const keepalive = peer.keepalive ?? 0;
  const isLeft = observed?.handshake !== undefined && isReached(observed.handshake);
  const isElsewhere = observed?.endpoint !== endpoint && !isLeft;
  const isAllowed = observed?.allowed.length === 1 && observed.allowed[0] === allowed;
  return [
    ...(isElsewhere ? ['endpoint', endpoint] : []),
    ...(isAllowed ? [] : ['allowed-ips', allowed]),
    ...((observed?.keepalive ?? 0) === keepalive ? [] : ['persistent-keepalive', `${keepalive}`]),
  ];
}

function endpointText({ endpoint, port }: EncryptionPeer): string {
  return isIPv6(endpoint) ? `[${endpoint}]:${port}` : `${endpoint}:${port}`;
}
