/** What is read of the LANs that networks of mode macvlan and ipvlan are on. Nothing is changed. */
import type { LanSpec } from './modes.js';

/** The interface of this host by which packets of a LAN go: the VLAN's sub-interface where the mode has a VLAN, else the parent. */
export interface LanParent {
  readonly interface: string;
  /** In bytes. */
  readonly mtu: number;
  readonly mac: string;
  /** Set up; of a VLAN the parent as well. */
  readonly isUp: boolean;
  /** The one that is to be set up: while that of a VLAN's parent is down, its sub-interface cannot be. Absent: none. */
  readonly down?: string;
  /** Why no container can be on it, and what to do. */
  readonly unfit?: string;
  /** Of a VLAN: its parent, which the sub-interface cannot exceed in MTU. */
  readonly base?: string;
  /** There is a cable, and something at its other end. Of what is down: false. */
  readonly hasCarrier: boolean;
  /**
   * False: the sub-interface of a VLAN that no endpoint of this host needed yet. Nothing can be sent there, and all but the name is
   * what it is of the parent.
   */
  readonly isMade: boolean;
}

export interface LanAnswers {
  /** By which was asked. */
  readonly interface: string;
  /** MACs of who has an address, by address. */
  readonly devices: ReadonlyMap<string, string>;
}

export interface LanNetwork {
  readonly id: string;
  readonly mode: LanSpec;
}

export interface LanReading {
  /**
   * `mode.parent` is the name of an interface, not one of `parents`. A parent that is a macvlan or ipvlan child itself stands for
   * the interface below it, as the kernel takes it. Undefined: there is no such interface, or the LAN is inside the host. Throws KERNEL.
   */
  lanParent(mode: LanSpec): Promise<LanParent | undefined>;
  /** As `lanParent`, of each of the modes, by one list of the host's interfaces. */
  lanParents(modes: readonly LanSpec[]): Promise<readonly (LanParent | undefined)[]>;
  /**
   * Asks the LAN who has these plain addresses: ARP and ND questions that leave no trace with anybody. Resolves after `waitMs` and some
   * milliseconds. An address of this host counts as its interface's. Of its own containers, which cannot be asked, those count that are
   * on the same interface in another network, of whatever driver. Undefined, at once: there is no interface that could be asked by, or it is down. Throws UNSUPPORTED without CAP_NET_RAW, NOT_FOUND, KERNEL.
   */
  whoHas(network: LanNetwork, addresses: readonly string[], waitMs: number): Promise<LanAnswers | undefined>;
}

/**
 * Whether the host can reach its containers by an interface beside them (`host`). In ipvlan l2 the answers of containers come in by
 * the parent, and a strict reverse path filter drops them.
 */
export function canHostReach(mode: LanSpec): boolean {
  if (mode.parent === undefined) return false;
  if (mode.kind === 'macvlan') return mode.submode === 'bridge';
  return mode.submode !== 'l2' && mode.flag === 'bridge';
}
