import { isIPv6 } from 'node:net';

/** Bytes that VXLAN adds to a container's packet: Ethernet 14, VXLAN 8, UDP 8, and IPv4 20 or IPv6 40. */
function vxlanOverhead(vtep: string): number {
  return isIPv6(vtep) ? 70 : 50;
}

/** The largest packet of a container, in bytes, that crosses the underlay whole. */
export function containerMtu(underlay: { readonly vtep: string; readonly mtu: number }): number {
  return underlay.mtu - vxlanOverhead(underlay.vtep);
}
