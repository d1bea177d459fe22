/**
 * br0 of a network: learns nothing of remote hosts, and emits nothing of its own (no snooping, no spanning
 * tree, no link-local address).
 */
import type { NetworkSpec } from '../dataplane.js';
import { BRIDGE, GROUPS } from '../interface-names.js';
import { agrees, holds, isGrouped, isQuiet, type Link, passes } from './links.js';
import type { Device } from './mode.js';

export function bridge({ id, mtu }: NetworkSpec): Device {
  const address = bridgeMac(id);
  const group = `group ${GROUPS.core}`;
  const options = 'mcast_snooping 0 stp_state 0';
  const add = `link add ${BRIDGE} address ${address} mtu ${mtu} ${group} type bridge ${options} forward_delay 0`;
  const set = [
    `link set ${BRIDGE} type bridge ${options}`,
    `link set ${BRIDGE} address ${address} mtu ${mtu} ${group} addrgenmode none`,
    `link set ${BRIDGE} up`,
  ];
  return {
    kind: 'bridge',
    name: BRIDGE,
    make: { ip: [add, ...set] },
    set,
    adapt: () => [],
    isRight: (link) =>
      isQuiet(link) &&
      isGrouped(link) &&
      holds(link, { mtu, address }) &&
      holds(link.linkinfo?.info_data, { mcast_snooping: 0, stp_state: 0 }),
  };
}

/**
 * Without an address of its own a bridge takes the lowest of its ports' and changes it as they come and go,
 * and each change flushes all neighbours of br0, permanent ones too (kernel: neigh_changeaddr).
 * The first byte keeps it off the MACs of endpoints (inet/mac-address.ts).
 */
function bridgeMac(networkId: string): string {
  return `0a:${(networkId.match(/../g) ?? []).slice(0, 5).join(':')}`;
}

/**
 * Lines of `ip` for a port of br0, which learns nothing and gets no unicast but its own. Isolated, hairpin and guard are
 * off by default; others may have changed it.
 */
export function portSetLines(name: string, mtu: number, group: number, options = ''): string[] {
  return [
    `link set ${name} mtu ${mtu} group ${group} addrgenmode none master ${BRIDGE}`,
    `link set ${name} type bridge_slave learning off flood off isolated off hairpin off guard off${options}`,
    `link set ${name} up`,
  ];
}

/** True when they would change nothing, but for `options`. */
export function portIsRight(link: Link, mtu: number): boolean {
  const slave = link.linkinfo?.info_slave_data;
  return (
    isQuiet(link) &&
    isGrouped(link) &&
    holds(slave, { learning: false, flood: false }) &&
    agrees(slave, { isolated: false, hairpin: false, guard: false }) &&
    passes(link, mtu) &&
    holds(link, { master: BRIDGE })
  );
}
