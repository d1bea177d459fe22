/**
 * br0 of a network: learns nothing of remote hosts, and emits nothing of its own (no snooping, no spanning
 * tree, no link-local address).
 */
import type { NetworkSpec } from '../dataplane.js';
import { BRIDGE, GROUPS } from '../interface-names.js';
import type { Device } from './layout.js';

export function bridge({ id, mtu }: NetworkSpec): Device {
  const address = bridgeMac(id);
  const group = GROUPS.core;
  // Without VLANs: in the one that a kernel with VLAN filtering gives all ports, each FDB entry would be there once more.
  const options = 'mcast_snooping 0 stp_state 0 forward_delay 0 vlan_default_pvid 0';
  const add = `link add ${BRIDGE} address ${address} mtu ${mtu} group ${group} type bridge ${options}`;
  return {
    kind: 'bridge',
    name: BRIDGE,
    add: { ip: [add] },
    settings: { mtu, group, address, bridge: { mcast_snooping: 0, stp_state: 0 } },
    adapt: () => [],
  };
}

/**
 * Flags of a port of br0, which learns nothing and gets no unicast but its own. The latter three are the kernel's
 * defaults, which others may change.
 */
export const PORT_FLAGS = { learning: false, flood: false, isolated: false, hairpin: false, guard: false };

/**
 * Without an address of its own a bridge takes the lowest of its ports' and changes it as they come and go,
 * and each change flushes all neighbours of br0, permanent ones too (kernel: neigh_changeaddr).
 * The first byte keeps it off the MACs of endpoints (inet/mac-address.ts).
 */
function bridgeMac(networkId: string): string {
  return `0a:${(networkId.match(/../g) ?? []).slice(0, 5).join(':')}`;
}
