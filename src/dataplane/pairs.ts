/**
 * What finding the hosts of this host's segment wants of the kernel: the contract, as dataplane.ts is that of networks. A pair is this
 * host and another one with which it shares a routed network. Whether frames with addresses of containers pass between both is
 * tested by frames of that kind: echo requests whose addresses belong to neither host, sent straight to the other's MAC, which the other's
 * kernel answers the same way. LinuxPairs is the implementation.
 */
import type { Underlay } from './dataplane.js';
import type { Echoes, TakeArrival } from './paths.js';

export type Family = 4 | 6;

/** Of the addresses of probes (`testAddress`): a container with such an address could be cut off by the tests of its host. */
export const TEST_SUBNETS = ['198.18.0.0/15', '100.126.0.0/15', 'fd78:6e65:7400::/48'] as const;

export interface PairPeer {
  readonly vtep: string;
  /** Of its interface on the segment. */
  readonly mac: string;
}

export interface WantedPairs {
  readonly underlay: Underlay;
  /** Of the addresses of containers in routed networks. */
  readonly families: readonly Family[];
  /** Frames pass from and to these alone. Of two with one test address (`testAddress`) the first. */
  readonly peers: readonly PairPeer[];
}

/** Where packets to another host go. `mac` is absent while ARP or ND has not found it. */
export type Reach =
  | { readonly kind: 'segment'; readonly mac?: string | undefined }
  | { readonly kind: 'router'; readonly via: string }
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'nowhere' };

export interface PairDevice extends AsyncDisposable {
  /** False: others have removed the namespace that `ensure` has last seen, or its name. */
  readonly isThere: boolean;
  /**
   * Namespace, device and rules are as wanted when this resolves; what others altered is put right. True: the namespace is
   * another than before; echoes through the former one were disposed of. Throws KERNEL, UNSUPPORTED, TIMEOUT.
   */
  ensure(wanted: WantedPairs): Promise<boolean>;
  /** Removes all that `ensure` makes, whoever made it. Absent is success. */
  remove(): Promise<void>;
  /**
   * Echoes between test addresses; to be disposed of before `remove`. `from` of an arrival is a test address. Throws NOT_FOUND,
   * UNSUPPORTED (no CAP_NET_RAW) and KERNEL.
   */
  open(ownVtep: string, family: Family, take: TakeArrival): Echoes;
  /**
   * Where packets to this VTEP go now. Where its MAC is not known, the kernel begins to ask for it. Synchronous, a fraction of a
   * millisecond. Throws UNSUPPORTED and KERNEL.
   */
  reach(underlay: Underlay, vtep: string): Reach;
}
