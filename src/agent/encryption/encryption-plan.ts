/** The WireGuard devices of this host, by its keys and the hosts of the cluster. Pure. */
import type { Underlay } from '../../dataplane/dataplane.js';
import {
  ENCRYPTION_DEVICES,
  type EncryptionPeer,
  type EncryptionTunnel,
  encryptedUnderlay,
} from '../../dataplane/encryption/encryption.js';
import { encryptedVtep } from '../../inet/encrypted-vtep.js';
import type { HostRecord } from '../../model/host.js';
import type { HostKey } from './encryption-keys.js';

export interface EncryptionFacts {
  readonly hostId: string;
  readonly keys: readonly HostKey[];
  /** Of the first slot. */
  readonly port: number;
  /** In seconds; 0: none is sent. */
  readonly keepalive: number;
  readonly underlay: Underlay;
  /** Of the cluster, silent ones, too. */
  readonly hosts: readonly HostRecord[];
}

/** One for each key of this host, with all keys of all others: whichever of two a host uses, it is answered. */
export function planTunnels(facts: EncryptionFacts): EncryptionTunnel[] {
  const peers = planPeers(facts);
  return facts.keys.map(({ slot, privateKey }) => {
    const { vtep, mtu } = encryptedUnderlay(facts.underlay, encryptedVtep(facts.hostId, slot));
    return { device: ENCRYPTION_DEVICES[slot], privateKey, port: facts.port + slot, vtep, mtu, peers };
  });
}

/** In one order, so that two plans can be compared. */
function planPeers({ hostId, keepalive, hosts }: EncryptionFacts): EncryptionPeer[] {
  const peers = hosts
    .filter(({ id }) => id !== hostId)
    .flatMap(({ id, vtep: endpoint, encryption = [] }) =>
      encryption.map(({ slot, publicKey, port }) => ({
        ...{ publicKey, endpoint, port, vtep: encryptedVtep(id, slot) },
        ...(keepalive > 0 && { keepalive }),
      })),
    );
  return peers.sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1));
}
