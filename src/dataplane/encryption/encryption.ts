/**
 * What encryption between hosts wants of the kernel: the contract, as dataplane.ts is that of networks. An encrypted network is one
 * whose VTEPs are addresses that are reached through a WireGuard device alone; the network itself does not know of it.
 * LinuxEncryption is the implementation.
 */
import { isIPv6 } from 'node:net';
import type { Repair, Underlay } from '../dataplane.js';

/** The two devices of a host: the second is there while keys are changed. */
export const ENCRYPTION_DEVICES = ['xnet-wg0', 'xnet-wg1'] as const;

/** Another host, as a device has it. */
export interface EncryptionPeer {
  /** As WireGuard writes it: 32 bytes in base64; so are private keys. */
  readonly publicKey: string;
  /** Its underlay address. */
  readonly endpoint: string;
  /** UDP. */
  readonly port: number;
  /** Its VTEP: packets from it with another source are dropped. */
  readonly vtep: string;
  /** It gets a packet so often, in seconds, that a NAT keeps its entry; absent: only packets that are sent anyway. */
  readonly keepalive?: number | undefined;
}

export interface EncryptionTunnel {
  /** One of ENCRYPTION_DEVICES. */
  readonly device: string;
  readonly privateKey: string;
  /** UDP port on which the device listens. */
  readonly port: number;
  /** This host's VTEP there. */
  readonly vtep: string;
  /** In bytes, what the underlay leaves. */
  readonly mtu: number;
  readonly peers: readonly EncryptionPeer[];
}

/** What a device knows of a peer. */
export interface PeerTraffic {
  readonly publicKey: string;
  /** Where its packets go, with port. */
  readonly endpoint?: string | undefined;
  /** Absent: there was none since the device was made. */
  readonly handshake?: Date | undefined;
  /** In bytes, since the device was made. */
  readonly received: number;
  readonly sent: number;
}

export interface EncryptionDevice extends AsyncDisposable {
  /**
   * These tunnels are there and as wanted when this resolves, and no others; what others altered is put right, and is in the answer
   * where the tunnel was ensured before. Throws UNSUPPORTED with the package to install where this host cannot encrypt, IN_USE when
   * another program has the UDP port, KERNEL, TIMEOUT.
   */
  ensure(wanted: readonly EncryptionTunnel[]): Promise<readonly Repair[]>;
  /** Whether all devices of these names are there, in whatever state: for those who cannot wait. Throws KERNEL. */
  isThere(devices: readonly string[]): boolean;
  /** As the device of this name has them now. Throws as `ensure`. */
  read(device: string): Promise<readonly PeerTraffic[]>;
  /** Programs that are not on this host, and are needed to change its devices or to make them again. Throws what lists of the kernel do. */
  missingPrograms(): Promise<readonly string[]>;
  /** Removes all that `ensure` makes, whoever made it. Absent is success. */
  remove(): Promise<void>;
}

/** Bytes that WireGuard adds to a packet: its header and tag 32, UDP 8, and IPv4 20 or IPv6 40. */
export function encryptionOverhead(vtep: string): number {
  return isIPv6(vtep) ? 80 : 60;
}

/** The underlay that VXLAN sees in an encrypted network. */
export function encryptedUnderlay(underlay: Underlay, vtep: string): Underlay {
  return { ...underlay, vtep, mtu: underlay.mtu - encryptionOverhead(underlay.vtep) };
}
