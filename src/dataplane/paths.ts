/**
 * What measuring the paths to other hosts wants of the kernel: the contract, as dataplane.ts is that of networks. A path is the
 * way of packets between the VTEPs of two hosts. It is measured by a VXLAN device of its own in a namespace of its own, with the
 * UDP port, the addresses and so the routes and filters of all networks' devices. LinuxPaths is the implementation.
 */

/** The VNI of the paths, which no network gets: the last there is (RFC 7348: 24 bits). */
export const PATH_VNI = 2 ** 24 - 1;

export interface WantedPaths {
  /** Of this host. */
  readonly vtep: string;
  /** The largest packet that is sent, in bytes with its IP header. */
  readonly mtu: number;
  /** VTEPs of the hosts to which there shall be a path, of the family of this host's. */
  readonly peers: readonly string[];
}

/** An answer to a request of these echoes, or a request of another host's that the kernel has answered. */
export interface EchoArrival {
  readonly isAnswer: boolean;
  /** VTEP of the host that sent it. */
  readonly from: string;
  /** Of the request that is answered. */
  readonly sequence: number;
}

/** Echo requests and their answers (ICMP). The kernel of the other host answers, also while its xnet does not run. */
export interface Echoes extends Disposable {
  /**
   * Sends a request as one packet of `bytes`, with its IP header, which is never fragmented; 64 at least. `sequence`: 16 bits. False: it was not
   * sent, as it is larger than the MTU of the interface, or there is no way.
   */
  send(to: string, sequence: number, bytes: number): boolean;
  /** Whether requests of other hosts are taken, too; at first they are not: each would wake this process. */
  takeRequests(isWanted: boolean): void;
  /** Takes what has arrived, so that nothing that is there counts as late. Else it is taken in the next turn. */
  read(): void;
}

export type TakeArrival = (arrival: EchoArrival) => void;

export interface PathDevice extends AsyncDisposable {
  /** False: others have removed the namespace that `ensure` has last seen, or its name. */
  readonly isThere: boolean;
  /**
   * Namespace, device and entries are as wanted when this resolves; what others altered is put right. True: the namespace is
   * another than before; echoes through the former one were disposed of. Throws KERNEL, UNSUPPORTED, TIMEOUT, and IN_USE when
   * another VXLAN device has the VNI.
   */
  ensure(wanted: WantedPaths): Promise<boolean>;
  /** Removes all that `ensure` makes, whoever made it. Absent is success. */
  remove(): Promise<void>;
  /** Echoes through the tunnel; to be disposed of before `remove`. Throws NOT_FOUND, UNSUPPORTED (no CAP_NET_RAW) and KERNEL. */
  openTunnel(vtep: string, take: TakeArrival): Echoes;
  /** Echoes beside the tunnel, from VTEP to VTEP: of answers alone. Throws as `openTunnel`. */
  openUnderlay(vtep: string, take: TakeArrival): Echoes;
}
