/**
 * br0 of a network: learns nothing of remote hosts, and emits nothing of its own (no snooping, no spanning
 * tree, no link-local address).
 */
import type { NetworkSpec } from '../dataplane.js';
import { BRIDGE, GROUPS } from '../interface-names.js';
import { holds, isGrouped, isQuiet, type Link } from './links.js';

/**
 * Without an address of its own a bridge takes the lowest of its ports' and changes it as they come and go,
 * and each change flushes all neighbours of br0, permanent ones too (kernel: neigh_changeaddr).
 * The first byte keeps it off the MACs of endpoints (inet/mac-address.ts).
 */
function bridgeMac(networkId: string): string {
  return `0a:${(networkId.match(/../g) ?? []).slice(0, 5).join(':')}`;
}

export function bridgeAddLine(network: NetworkSpec): string {
  const options = 'mcast_snooping 0 stp_state 0 forward_delay 0';
  const address = bridgeMac(network.id);
  return `link add ${BRIDGE} address ${address} mtu ${network.mtu} group ${GROUPS.core} type bridge ${options}`;
}

/** Brings an existing br0 to what it should be; each line changes nothing when it is so already. */
export function bridgeSetLines(network: NetworkSpec): string[] {
  return [
    `link set ${BRIDGE} type bridge mcast_snooping 0 stp_state 0`,
    `link set ${BRIDGE} address ${bridgeMac(network.id)} mtu ${network.mtu} group ${GROUPS.core} addrgenmode none`,
    `link set ${BRIDGE} up`,
  ];
}

export function bridgeIsRight(link: Link, network: NetworkSpec): boolean {
  return (
    isQuiet(link) &&
    isGrouped(link) &&
    holds(link, { mtu: network.mtu, address: bridgeMac(network.id) }) &&
    holds(link.linkinfo?.info_data, { mcast_snooping: 0, stp_state: 0 })
  );
}
