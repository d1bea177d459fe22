/** The interfaces of endpoints on LANs: how one is made, and where they all are. */
import { type ListedLink, listLinks, listLinksOf } from '../../native/netlink/links.js';
import { listNumbers } from '../../native/netlink/numbered-namespaces.js';
import type { EndpointSpec, NetworkSpec } from '../dataplane.js';
import { endpointNameOf, interfaceName } from '../interface-names.js';
import type { IpvlanSpec, LanSpec } from '../modes.js';
import { type ChildIds, childAlias, childIdsOf } from './names.js';
import { isChild, isOn } from './parent/find-parent.js';
import { isAtOdds, type OtherUse } from './parent/refusals.js';
import type { Segment } from './parent/segment.js';

export interface Child extends ChildIds {
  readonly link: ListedLink;
  /** In the host's namespace: its container does not have it yet, or no longer. */
  readonly isOutside: boolean;
}

/**
 * Lines of `ip`, in the segment's namespace, that make the interface in the namespace `into` (a name or path; absent: where the segment
 * is). A macvlan child has the endpoint's MAC, an ipvlan child that of the parent.
 */
export function addLine({ mode, parent, mtu }: Segment, { id, mac }: EndpointSpec, into?: string): string {
  const words = [`link add ${interfaceName(id)} link ${parent}`, `mtu ${mtu}`];
  if (mode.kind === 'macvlan') words.push(`address ${mac}`);
  if (into !== undefined) words.push(`netns ${into}`);
  return [...words, `type ${typeOf(mode)}`].join(' ');
}

/** What `ip link add` takes after `type`. */
export function typeOf(mode: LanSpec): string {
  if (mode.kind === 'macvlan') return `macvlan mode ${mode.submode}`;
  return `ipvlan mode ${mode.submode} ${mode.flag}`;
}

/** By this it is recognised wherever it is. Where `addLine` makes it; `name`: that it has there. */
export function aliasLine(networkId: string, endpointId: string, name = interfaceName(endpointId)): string {
  return `link set ${name} alias ${childAlias(networkId, endpointId)}`;
}

/** Whether it is what `addLine` makes, but for its MTU. */
export function isRightChild(link: ListedLink, mode: LanSpec, { mac }: EndpointSpec): boolean {
  const { info_kind: kind, info_data: data } = link.linkinfo ?? {};
  if (kind !== mode.kind || data?.mode !== mode.submode) return false;
  return mode.kind === 'ipvlan' || mode.submode === 'passthru' || link.address === mac;
}

/**
 * All of this host, in whatever namespace they are: each was moved there out of the host's, which numbers the namespace with that.
 * `path`: of the host's namespace; undefined: this process's own. Throws KERNEL.
 */
export async function listChildren(path: string | undefined): Promise<Child[]> {
  const outside = childrenIn(await listLinks(path), true);
  const others = await listLinksOf(path, await listNumbers(path));
  const inside = others.flatMap((links) => childrenIn(links, false));
  return [...outside, ...inside];
}

/**
 * Names of endpoints whose interface is on the segment's parent, in the host's namespace, and has no alias: whoever made it has been killed
 * before, or is about to give it one. Throws KERNEL.
 */
export async function listUnnamed(
  path: string | undefined,
  { parent, namespace }: Segment,
): Promise<string[]> {
  // What is inside the host goes with its wire.
  if (namespace !== undefined) return [];
  const links = await listLinks(path);
  const below = links.find(({ ifname }) => ifname === parent);
  if (!below) return [];
  const unnamed = links.filter((link) => isChild(link) && isOn(link, below) && !link.ifalias);
  return unnamed.flatMap(({ ifname }) => endpointNameOf(ifname) ?? []);
}

export function childrenIn(links: readonly ListedLink[], isOutside: boolean): Child[] {
  return links.filter(isChild).flatMap((link) => {
    const ids = childIdsOf(link.ifalias);
    return ids ? [{ ...ids, link, isOutside }] : [];
  });
}

/** The network of a child in a container, on the interface of this number, beside which the kernel takes none of `mode`. */
export function rivalAmong(
  children: readonly Child[],
  mode: LanSpec,
  parent: number | undefined,
): OtherUse | undefined {
  for (const { networkId, link, isOutside } of children) {
    const other = ipvlanOf(link);
    if (other && !isOutside && link.link_index === parent && isAtOdds(mode, other))
      return { networkId, mode: other };
  }
  return undefined;
}

function ipvlanOf({ linkinfo }: ListedLink): IpvlanSpec | undefined {
  if (linkinfo?.info_kind !== 'ipvlan') return undefined;
  const { mode, flags } = linkinfo.info_data ?? {};
  return {
    kind: 'ipvlan',
    submode: mode as IpvlanSpec['submode'],
    flag: flags as IpvlanSpec['flag'],
    gateways: [],
  };
}

/** A container's MTU is at most that of its network, and that of what is below it. */
export function childMtu({ mtu }: NetworkSpec, parentMtu: number): number {
  return Math.min(mtu, parentMtu);
}
