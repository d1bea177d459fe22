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
  /** The interface that is to be set up first: of a VLAN that below the sub-interface, which cannot be up before. Absent: `isUp`. */
  readonly down?: string;
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

export interface LanReading {
  /**
   * `mode.parent` is the name of an interface, not one of `parents`. A parent that is a macvlan or ipvlan child itself stands for
   * the interface below it, as the kernel takes it. Undefined: there is no such interface, or the LAN is inside the host. Throws KERNEL.
   */
  lanParent(mode: LanSpec): Promise<LanParent | undefined>;
  /**
   * Asks the LAN who has these plain addresses: ARP and ND questions that leave no trace with anybody. Resolves after `waitMs` and some
   * milliseconds. An address of this host counts as its interface's; its own containers are not asked. Undefined, at once: there is no
   * interface that could be asked by, or it is down. Throws UNSUPPORTED without CAP_NET_RAW, NOT_FOUND, KERNEL.
   */
  whoHas(mode: LanSpec, addresses: readonly string[], waitMs: number): Promise<LanAnswers | undefined>;
}
