import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';

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
