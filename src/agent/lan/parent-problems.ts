/** What keeps a host from a LAN, and what to do. Pure. */
import type { LanParent } from '../../dataplane/lan-reading.js';
import type { LanMode } from '../../model/mode.js';

/** A network that is on a LAN, with its interface on this host. */
export interface NetworkOnLan {
  readonly network: string;
  /** As this host has it: `parent` is an interface. */
  readonly mode: LanMode;
  /** As the network's creator has named it. */
  readonly named: string;
  /** Undefined: it is not there. */
  readonly parent: LanParent | undefined;
}

export function parentProblems(networks: readonly NetworkOnLan[]): string[] {
  return networks.flatMap((each) => parentProblem(each) ?? []);
}

function parentProblem({ network, mode, named, parent }: NetworkOnLan): string | undefined {
  if (!parent) {
    const meant = named === mode.parent ? named : `${mode.parent} (${named} in \`parents\`)`;
    return `network ${network} is on a LAN that this host does not reach: it has no interface ${meant}, and starts no containers in the network; make the interface, or name the one that leads there: \`"parents": { "${named}": "INTERFACE" }\` in xnet.json`;
  }
  const { down = parent.interface } = parent;
  if (!parent.isUp)
    return `network ${network} does not reach its LAN: interface ${down} is down; run ip link set ${down} up`;
  if (parent.hasCarrier) return undefined;
  return `network ${network} does not reach its LAN: interface ${parent.interface} has no carrier; look at its cable and switch`;
}
