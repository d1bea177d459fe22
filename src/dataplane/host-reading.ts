/**
 * What `xnet doctor` reads of the host's kernel: what other programs have made there, and sizes. Nothing is changed. All functions
 * throw as those of `Dataplane`.
 */

import type { EndpointSpec } from './dataplane.js';

/** A rule of another program's firewall that drops the tunnel's packets, or may. */
export interface PacketDrop {
  /** Where it is and what it says, for people. */
  readonly rule: string;
  /** false: it drops what no other rule accepts, and none names the port; or it compares what is not read. */
  readonly isCertain: boolean;
  /** The other hosts whose packets it drops; absent: those of all. */
  readonly vteps?: readonly string[];
  /** The command that takes it away, or lets the packets pass. */
  readonly remedy: string;
}

/** A route of the host's main table. */
export interface HostRoute {
  /** An address, a prefix, or `default`. */
  readonly destination: string;
  readonly device: string;
  /** The router behind which it is; absent: it is on the device's own segment. */
  readonly gateway?: string | undefined;
  /** `unicast`, or of what drops packets: `blackhole`, `unreachable`, `prohibit`. Absent: unicast. */
  readonly type?: string | undefined;
}

/** How the kernel sends packets from this host's VTEP to an address. */
export interface HostPath {
  readonly address: string;
  /** The interface by which they leave. */
  readonly device?: string;
  /** Why they do not leave, in the kernel's words. */
  readonly refusal?: string;
}

/** A VXLAN device in the host's namespace: another program's, since ours are in namespaces of their own. */
export interface ForeignTunnel {
  readonly device: string;
  readonly vni: number;
  readonly port: number;
}

/** A bridge by which containers reach what is outside: docker_gwbridge. */
export interface GatewayBridge {
  readonly device: string;
  readonly subnet: string;
}

/** What the way outside depends on, read without a program: as long as it is the same, `findOutwardDrops` finds the same. */
export interface OutwardSettings {
  /** net.ipv4.ip_forward. */
  readonly forwards: boolean;
  /** Another number after each change of nftables' rules. Those of iptables-legacy are not in it: the kernel does not count their changes. */
  readonly rules: number | undefined;
}

export interface HostReading {
  /**
   * Rules that drop packets of other hosts' tunnels. `vtep`: of this host; undefined: not known, of either address family. `peers`: VTEPs
   * of the other hosts; without any it is not known whom a rule that compares an address is about.
   */
  findPacketDrops(vtep: string | undefined, peers: readonly string[]): Promise<readonly PacketDrop[]>;
  /** What keeps containers behind these bridges from the outside. */
  findOutwardDrops(bridges: readonly GatewayBridge[]): Promise<readonly PacketDrop[]>;
  /** Never rejects. */
  readOutwardSettings(): Promise<OutwardSettings>;
  listRoutes(): Promise<readonly HostRoute[]>;
  /** How packets from the VTEP leave for these addresses, each once, in this order. */
  findPaths(addresses: readonly string[]): Promise<readonly HostPath[]>;
  /** A network whose VNI and port one of them has cannot be made. */
  listForeignTunnels(): Promise<readonly ForeignTunnel[]>;
  /** MTUs by interface name: of the ports of a network's endpoints, named as `endpointNames` are; undefined: of the host. */
  listMtus(networkId: string | undefined): Promise<ReadonlyMap<string, number>>;
  /**
   * Packets of each container in an overlay that were dropped since its rules were written, for they were not from its own MAC and addresses; by
   * the names that `endpointNames` have. Those that are not held to them are missing. About a millisecond.
   */
  countForged(networkId: string): Promise<ReadonlyMap<string, number>>;
  /** Which of the endpoints that are attached to an overlay may send from any MAC and address, since rules are missing or not as they were; by the same names. */
  findUnheld(networkId: string, endpoints: readonly EndpointSpec[]): Promise<readonly string[]>;
}
