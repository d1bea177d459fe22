/**
 * What the children of a LAN are on: the parent, the sub-interface of a VLAN on it, or, where the LAN is inside the host, a wire of
 * its own. Pure: what there is of it, and what is to be done.
 */
import type { ListedLink } from '../../../native/netlink/links.js';
import type { Change } from '../../changes.js';
import type { NetworkSpec } from '../../dataplane.js';
import type { LanSpec } from '../../modes.js';
import { childMtu } from '../children.js';
import { isUseName, OWN_ALIAS, useName } from '../names.js';
import { findParent, isUp, subInterfaceName } from './find-parent.js';
import { checkParent, isDown, nameTaken, notFound, tooLong } from './refusals.js';

export interface Segment {
  readonly mode: LanSpec;
  /** Of the wire of a LAN inside the host; undefined: it is in the host's. */
  readonly namespace?: string;
  /** The device below the children. */
  readonly parent: string;
  /** Of the children. */
  readonly mtu: number;
}

export interface PlannedSegment {
  readonly segment: Segment;
  readonly changes: readonly Change[];
  /** Lines that note that the network uses a sub-interface; they follow the changes, and are none. */
  readonly uses: readonly string[];
}

/** Linux's IFNAMSIZ less one. */
const LONGEST_NAME = 15;

/** `links`: of the host's namespace. Throws NOT_FOUND, IN_USE and UNSUPPORTED when children cannot be on the parent. */
export function planSegment(
  links: readonly ListedLink[],
  network: NetworkSpec,
  mode: LanSpec & { readonly parent: string },
): PlannedSegment {
  const found = findParent(links, mode);
  if (!found) throw notFound(mode.parent, network.id);
  const { parent, subInterface } = found;
  checkParent(parent, network.id);
  if (mode.vlan === undefined) return planned(network, mode, parent);
  if (!subInterface) return planSubInterface(links, network, { ...mode, vlan: mode.vlan }, parent);
  if (subInterface.ifalias === OWN_ALIAS)
    return adaptSubInterface(links, network, mode, parent, subInterface);
  // Somebody else's, who may want it so.
  if (!isUp(subInterface)) throw isDown(subInterface.ifname, network.id);
  return planned(network, mode, subInterface);
}

function planSubInterface(
  links: readonly ListedLink[],
  network: NetworkSpec,
  mode: LanSpec & { readonly vlan: number },
  parent: ListedLink,
): PlannedSegment {
  const name = subInterfaceName(parent.ifname, mode.vlan);
  if (name.length > LONGEST_NAME) throw tooLong(name, parent.ifname, mode.vlan);
  if (links.some(({ ifname }) => ifname === name)) throw nameTaken(name, parent.ifname, mode.vlan);
  const host = [
    `link add link ${parent.ifname} name ${name} mtu ${parent.mtu} type vlan id ${mode.vlan}`,
    `link set ${name} alias ${OWN_ALIAS}`,
    `link set ${name} up`,
  ];
  const change: Change = { kind: 'vlan', object: name, was: 'missing', host };
  const link = { ifname: name, mtu: parent.mtu };
  return planned(network, mode, link, [change], useLines(links, name, network.id));
}

/** One that xnet has made. */
function adaptSubInterface(
  links: readonly ListedLink[],
  network: NetworkSpec,
  mode: LanSpec,
  parent: ListedLink,
  link: ListedLink,
): PlannedSegment {
  const { ifname: name, mtu, altnames = [] } = link;
  const host = [
    ...(mtu === parent.mtu ? [] : [`link set ${name} mtu ${parent.mtu}`]),
    ...(isUp(link) ? [] : [`link set ${name} up`]),
  ];
  const changes: Change[] = host.length === 0 ? [] : [{ kind: 'vlan', object: name, was: 'altered', host }];
  const uses = altnames.includes(useName(network.id)) ? [] : useLines(links, name, network.id);
  return planned(network, mode, { ifname: name, mtu: parent.mtu }, changes, uses);
}

/**
 * Its users count, and stay known when this process ends. One that the network used before, as of another interface that `parents` had,
 * is given up: a name can be in one place alone.
 */
function useLines(links: readonly ListedLink[], name: string, networkId: string): string[] {
  const use = `link property add dev ${name} altname ${useName(networkId)}`;
  return [...releaseLines(links, networkId), use];
}

/** Lines that take the network off the sub-interfaces it uses; the last one deletes those that xnet has made. */
export function releaseLines(links: readonly ListedLink[], networkId: string): string[] {
  const use = useName(networkId);
  return links
    .filter(({ altnames }) => altnames?.includes(use))
    .map(({ ifname, altnames = [], ifalias }) => {
      const isLast = !altnames.some((name) => name !== use && isUseName(name));
      return isLast && ifalias === OWN_ALIAS
        ? `link del ${ifname}`
        : `link property del dev ${ifname} altname ${use}`;
    });
}

function planned(
  network: NetworkSpec,
  mode: LanSpec,
  { ifname: parent, mtu }: Pick<ListedLink, 'ifname' | 'mtu'>,
  changes: readonly Change[] = [],
  uses: readonly string[] = [],
): PlannedSegment {
  return { segment: { mode, parent, mtu: childMtu(network, mtu) }, changes, uses };
}
