/** What a routed network's objects in the host's namespace are called, by name or MAC. Each device has the network's name as its alias. */
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { interfaceName, namespaceName, networkIdOf } from '../interface-names.js';

const OUTER_PREFIX = 'xr';
const TUNNEL_PREFIX = 'xv';

/** The nft table of the network, of family netdev. */
export function tableName(networkId: string): string {
  return namespaceName(networkId);
}

/** The alias of the network's devices, by which they are known to be its own. */
export function aliasOf(networkId: string): string {
  return namespaceName(networkId);
}

export function networkIdOfAlias(alias: string | undefined): string | undefined {
  return alias === undefined ? undefined : networkIdOf(alias);
}

/** The VXLAN device of the network. */
export function tunnelName(networkId: string): string {
  return `${TUNNEL_PREFIX}${networkId}`;
}

/** The host's end of an endpoint's veth pair; the other end has the name of `interfaceName`. */
export function outerEndName(endpointId: string): string {
  return outerEndOf(interfaceName(endpointId));
}

export function outerEndOf(interfaceNameOfEndpoint: string): string {
  return OUTER_PREFIX + interfaceNameOfEndpoint.slice(OUTER_PREFIX.length);
}

/** The first 12 digits of the endpoint's id; undefined for other devices. */
export function endpointNameOfOuterEnd(name: string): string | undefined {
  return /^xr([0-9a-f]{12})$/.exec(name)?.[1];
}

/**
 * The MAC of a host in the tunnels of routed networks: a function of its VTEP, so that all hosts know it. The first byte keeps it
 * off the MACs of endpoints (inet/mac-address.ts).
 */
export function tunnelMac(vtep: string): string {
  const tail = isIPv6(vtep)
    ? [...createHash('sha256').update(vtep).digest().subarray(0, 5)]
    : [0, ...vtep.split('.').map(Number)];
  return [0x0e, ...tail].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
