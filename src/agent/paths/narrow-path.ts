/** Why a path does not pass packets as large as containers send, and what mends it. Pure. */
import { raiseBetween, raiseInterface, smallerNetworks, tunnelOverhead } from '../../inet/mtu-remedies.js';
import { shellWord } from '../../shell-word.js';

/** Interfaces take so much more than their MTU, for the tag of a VLAN (VLAN_HLEN of linux/if_vlan.h). */
const VLAN_BYTES = 4;

export interface OwnUnderlay {
  readonly vtep: string;
  readonly interface: string;
  /** MTU of the interface, and the largest packet of a container that it carries in a tunnel, in bytes. */
  readonly mtu: number;
  readonly carried: number;
}

export interface NarrowPath {
  readonly name: string;
  readonly vtep: string;
  /** The largest packet of a container that passes, and the largest that containers of either host send, in bytes. */
  readonly largest: number;
  readonly needed: number;
  /** The largest that containers of the other host send; undefined: not known. */
  readonly peerMtu: number | undefined;
}

export interface Narrowing {
  /** In place of a full stop behind what does not pass. */
  readonly cause: string;
  readonly remedy: string;
}

/**
 * The interface of this host, that of the other one, or what is between. The other host's is known by what its containers send:
 * just what passes, though this host's send more.
 */
export function narrowingOf(own: OwnUnderlay, path: NarrowPath): Narrowing {
  const { name, vtep, largest, needed, peerMtu = needed } = path;
  const mtu = needed + tunnelOverhead(vtep);
  const orSmaller = `if it has to stay so: ${smallerNetworks(Math.min(largest, peerMtu, own.carried))}`;
  if (own.carried < needed)
    return {
      cause: `: ${own.interface} of this host has MTU ${own.mtu}`,
      remedy: `${raiseInterface(shellWord(own.interface), mtu)}   # ${orSmaller}`,
    };
  if (peerMtu < needed && largest <= peerMtu + VLAN_BYTES)
    return {
      cause: `: the interface of ${name} carries no more`,
      remedy: `give the underlay's interface of ${shellWord(name)} an MTU of ${mtu}: \`xnet doctor\` there prints the command; ${orSmaller}`,
    };
  return {
    cause: `, though the interfaces of both hosts carry them`,
    remedy: `${raiseBetween(own.vtep, vtep, mtu)}; ${orSmaller}`,
  };
}

/** As one sentence, for people. */
export function narrowProblem(own: OwnUnderlay, path: NarrowPath): string {
  const narrowing = narrowingOf(own, path);
  return `${narrowText(path, narrowing)}; ${narrowing.remedy}`;
}

export function narrowText({ name, vtep, largest, needed }: NarrowPath, { cause }: Narrowing): string {
  return `packets of more than ${largest} bytes do not pass between this host and host ${name} (${vtep}), and containers send up to ${needed}${cause}`;
}
