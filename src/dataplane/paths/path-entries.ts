/** The device by which paths are measured, and its entries: what they shall be, and the lines that make them so. Pure. */
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { compareMaps } from '../changes.js';
import { VXLAN } from '../interface-names.js';
import type { Tunnel } from '../overlay/layout.js';
import { holds, LEAST_IPV6_MTU, type Link } from '../overlay/links.js';
import { PATH_VNI } from '../paths.js';

/** VTEP -> MAC. */
export type PathEntries = ReadonlyMap<string, string>;

/**
 * Of the device on the host with this VTEP: a pure function, so that no record has to hold it. Its first byte keeps it off the MACs
 * of endpoints (02) and bridges (0a).
 */
export function pathMac(vtep: string): string {
  const tail = createHash('sha256').update(vtep).digest().subarray(0, 5);
  return `06:${tail.toString('hex').replace(/..(?!$)/g, '$&:')}`;
}

/** Of the device, by which packets of up to `largest` bytes are sent. The VTEP, which is its address, may be of IPv6. */
export function deviceMtu(largest: number): number {
  return Math.max(largest, LEAST_IPV6_MTU);
}

export function entriesTo(peers: readonly string[]): PathEntries {
  return new Map(peers.map((vtep) => [vtep, pathMac(vtep)]));
}

/**
 * Line of `ip` in the host's namespace. Unlike a network's device it forbids to fragment (`df set`), so that a packet that is too
 * large for a part of the underlay is lost, and found.
 */
export function addDeviceLine(namespace: string, mtu: number, { vtep, port }: Tunnel): string {
  const link = `link add ${VXLAN} address ${pathMac(vtep)} netns ${namespace} mtu ${mtu}`;
  return `${link} type vxlan id ${PATH_VNI} local ${vtep} dstport ${port} nolearning df set`;
}

/**
 * Lines of `ip` in the namespace: the device has the VTEP as its address, and all others are behind it. The MTU is locked: else the
 * kernel would answer a large request with fragments once it has learned a smaller one, and the path would pass. (Over IPv6 it does
 * nevertheless: there the lock does not count, __ip6_rt_update_pmtu in the kernel's route.c. The other host finds it by its own requests.)
 */
export function setUpLines(mtu: number, vtep: string): string[] {
  const [length, all] = isIPv6(vtep) ? ['128 nodad', '::/0'] : ['32', '0.0.0.0/0'];
  return [
    `addr replace ${vtep}/${length} dev ${VXLAN}`,
    `link set ${VXLAN} mtu ${mtu} addrgenmode none`,
    `link set ${VXLAN} up`,
    `route replace ${all} dev ${VXLAN} mtu lock ${mtu}`,
  ];
}

/** False: only another device will do. */
export function isDevice(link: Link, { vtep, port }: Tunnel): boolean {
  const { info_kind, info_data } = link.linkinfo ?? {};
  const local = isIPv6(vtep) ? { local6: vtep } : { local: vtep };
  return (
    info_kind === 'vxlan' &&
    link.address === pathMac(vtep) &&
    holds(info_data, { id: PATH_VNI, port, ...local })
  );
}

/** Lines of `bridge`, for frames to a MAC. */
export function forwardingLines(observed: PathEntries, wanted: PathEntries): string[] {
  return compareMaps(observed, wanted).map(({ key: vtep, observed: was, desired: mac }) =>
    mac === undefined
      ? `fdb del ${was} dev ${VXLAN} dst ${vtep} self`
      : `fdb replace ${mac} dev ${VXLAN} dst ${vtep} self permanent`,
  );
}

/** Lines of `ip`, for packets to a VTEP. */
export function neighbourLines(observed: PathEntries, wanted: PathEntries): string[] {
  return compareMaps(observed, wanted).map(({ key: vtep, desired: mac }) =>
    mac === undefined
      ? `neigh del ${vtep} dev ${VXLAN}`
      : `neigh replace ${vtep} lladdr ${mac} dev ${VXLAN} nud permanent`,
  );
}
