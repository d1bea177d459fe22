/** Which interface of the host is below the children of a LAN. Pure. */
import type { ListedLink } from '../../../native/netlink/links.js';
import type { LanParent } from '../../lan-reading.js';
import type { LanSpec } from '../../modes.js';

type Links = readonly ListedLink[];

export interface FoundParent {
  /** What the user has named, or what is below it. */
  readonly parent: ListedLink;
  /** Of the VLAN, whoever made it and whatever its name is. */
  readonly subInterface?: ListedLink;
}

/** A child stands for the interface below it, as in the kernel (macvlan_common_newlink, ipvlan_link_new). */
export function findParent(links: Links, { parent: name, vlan }: LanSpec): FoundParent | undefined {
  const named = links.find(({ ifname, altnames }) => ifname === name || altnames?.includes(name ?? ''));
  const parent = named && (isChild(named) ? lowerOf(links, named) : named);
  if (!parent) return undefined;
  const subInterface =
    vlan === undefined ? undefined : links.find((link) => isVlan(link, vlan) && isOn(link, parent));
  return { parent, ...(subInterface && { subInterface }) };
}

export function describeParent({ parent, subInterface }: FoundParent, { vlan }: LanSpec): LanParent {
  const link = subInterface ?? parent;
  const down = [parent, link].find((each) => !isUp(each))?.ifname;
  return {
    interface: vlan === undefined || subInterface ? link.ifname : subInterfaceName(parent.ifname, vlan),
    ...{ mtu: link.mtu, mac: link.address ?? '', hasCarrier: link.flags.includes('LOWER_UP') },
    ...(down === undefined ? { isUp: true } : { isUp: false, down }),
    isMade: vlan === undefined || subInterface !== undefined,
  };
}

/** As Docker spells it. */
export function subInterfaceName(parent: string, vlan: number): string {
  return `${parent}.${vlan}`;
}

export function isUp({ flags }: ListedLink): boolean {
  return flags.includes('UP');
}

export function isChild({ linkinfo }: ListedLink): boolean {
  return linkinfo?.info_kind === 'macvlan' || linkinfo?.info_kind === 'ipvlan';
}

export function isOn(
  { link_index: below, link_netnsid: elsewhere }: ListedLink,
  { index }: ListedLink,
): boolean {
  return below === index && elsewhere === undefined;
}

function isVlan({ linkinfo }: ListedLink, vlan: number): boolean {
  return linkinfo?.info_kind === 'vlan' && linkinfo.info_data?.id === vlan;
}

function lowerOf(links: Links, child: ListedLink): ListedLink | undefined {
  return links.find((link) => isOn(child, link));
}
