/**
 * vxlan0 of a network. It is made from the host's namespace straight into the network's (so no temporary name
 * is left behind by a crash): its UDP socket stays on the underlay, and is shared with every other VXLAN
 * device of that port, Docker's swarm overlay included, as long as their receive options agree.
 */
import { isIPv6 } from 'node:net';
import type { NetworkSpec } from '../dataplane.js';
import { BRIDGE, GROUPS, namespaceName, VXLAN } from '../interface-names.js';
import { PLAIN_SLAVE, slaveIsPlain } from './bridge-port.js';
import { holds, isGrouped, isQuiet, type Link, passes } from './links.js';

export interface Tunnel {
  readonly vtep: string;
  /** UDP port. */
  readonly port: number;
}

/**
 * To be run in the host's namespace. No `dev`: the route to a VTEP may change. UDP checksums are on (the
 * default of iproute2): GRO needs them to trust the inner ones. `df` stays unset: a packet that outgrew a
 * shrunken underlay is fragmented rather than lost.
 */
export function vxlanAddLine(network: NetworkSpec, tunnel: Tunnel): string {
  const link = `link add ${VXLAN} netns ${namespaceName(network.id)} mtu ${network.mtu} group ${GROUPS.core}`;
  return `${link} type vxlan id ${network.vni} local ${tunnel.vtep} dstport ${tunnel.port} nolearning`;
}

/**
 * Unknown unicast is dropped here; ARP and ND for known addresses are answered here. With multicast off, an
 * IPv6 address that nobody told us of cannot be resolved over hosts.
 */
export function vxlanSetLines(network: NetworkSpec): string[] {
  const multicast = network.multicast ? 'on' : 'off';
  return [
    `link set ${VXLAN} mtu ${network.mtu} group ${GROUPS.core} addrgenmode none master ${BRIDGE}`,
    `link set ${VXLAN} type bridge_slave ${PLAIN_SLAVE} neigh_suppress on mcast_flood ${multicast}`,
    `link set ${VXLAN} up`,
  ];
}

/** True when it is the same tunnel. */
export function isTunnelOf(link: Link, network: NetworkSpec, tunnel: Tunnel): boolean {
  return canBecome(link, network, tunnel) && link.linkinfo?.info_data?.[localOf(tunnel)] === tunnel.vtep;
}

/** True when at most its own address must be changed: what else differs takes another device, and so does the family. */
export function canBecome(link: Link, network: NetworkSpec, tunnel: Tunnel): boolean {
  const wanted = { id: network.vni, port: tunnel.port, learning: false };
  const { info_kind, info_data } = link.linkinfo ?? {};
  return info_kind === 'vxlan' && holds(info_data, wanted) && info_data?.[localOf(tunnel)] !== undefined;
}

/** Changes the address that its packets come from; entries and attributes stay. */
export function vxlanLocalLine({ vtep }: Tunnel): string {
  return `link set ${VXLAN} type vxlan local ${vtep}`;
}

function localOf({ vtep }: Tunnel): string {
  return isIPv6(vtep) ? 'local6' : 'local';
}

export function vxlanIsRight(link: Link, network: NetworkSpec): boolean {
  const slave = { neigh_suppress: true, mcast_flood: network.multicast };
  return (
    isQuiet(link) &&
    isGrouped(link) &&
    slaveIsPlain(link) &&
    passes(link, network.mtu) &&
    holds(link, { master: BRIDGE }) &&
    holds(link.linkinfo?.info_slave_data, slave)
  );
}
