/**
 * vxlan0 of a network. It is made from the host's namespace straight into the network's (so no temporary name
 * is left behind by a crash): its UDP socket stays on the underlay, and is shared with every other VXLAN
 * device of that port, Docker's swarm overlay included, as long as their receive options agree.
 */
import { isIPv6 } from 'node:net';
import type { NetworkSpec } from '../dataplane.js';
import { BRIDGE, GROUPS, namespaceName, VXLAN } from '../interface-names.js';
import { PORT_FLAGS } from './bridge.js';
import type { Device, Tunnel } from './layout.js';
import { holds, type Link } from './links.js';

/**
 * Unknown unicast is dropped here; ARP and ND for known addresses are answered here. With multicast off, an
 * IPv6 address that is in no record cannot be resolved over hosts.
 */
export function vxlan(network: NetworkSpec, tunnel: Tunnel): Device {
  const { mtu, multicast } = network;
  const flags = { ...PORT_FLAGS, neigh_suppress: true, mcast_flood: multicast };
  return {
    kind: 'vxlan',
    name: VXLAN,
    add: { host: [addLine(network, tunnel)] },
    settings: { mtu, group: GROUPS.core, master: BRIDGE, flags },
    adapt: (link) => adaptLines(link, network, tunnel),
  };
}

/**
 * No `dev`: the route to a VTEP may change. UDP checksums are on (the default of iproute2): GRO needs them to trust the
 * inner ones. `df` stays unset: a packet that outgrew a shrunken underlay is fragmented rather than lost.
 */
function addLine({ id, vni, mtu }: NetworkSpec, { vtep, port }: Tunnel): string {
  const link = `link add ${VXLAN} netns ${namespaceName(id)} mtu ${mtu} group ${GROUPS.core}`;
  return `${link} type vxlan id ${vni} local ${vtep} dstport ${port} nolearning`;
}

/** Its own address may change, and entries and attributes stay then; its family may not, nor anything else. */
function adaptLines(link: Link, { vni }: NetworkSpec, { vtep, port }: Tunnel): string[] | undefined {
  const { info_kind, info_data } = link.linkinfo ?? {};
  const local = info_data?.[isIPv6(vtep) ? 'local6' : 'local'];
  const isOurs = info_kind === 'vxlan' && holds(info_data, { id: vni, port, learning: false });
  if (!isOurs || local === undefined) return undefined;
  return local === vtep ? [] : [`link set ${VXLAN} type vxlan local ${vtep}`];
}

/** Bytes that VXLAN adds to a container's packet: Ethernet 14, VXLAN 8, UDP 8, and IPv4 20 or IPv6 40. */
export function vxlanOverhead(vtep: string): number {
  return isIPv6(vtep) ? 70 : 50;
}
