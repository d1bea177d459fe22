/** The addresses between which a pair is tested. They are functions of the VTEP, so that no record has to hold them. Pure. */
import { createHash } from 'node:crypto';
import { ipBytes, ipText } from '../../native/netlink/texts.js';
import type { Family } from '../pairs.js';

/** For tests between devices of networks (RFC 2544, RFC 6890): no host has such an address on its underlay. */
export const TEST_SUBNETS = { 4: '198.18.0.0/15', 6: 'fd78:6e65:7400::/48' } as const;

/**
 * IPv4: 198.18.0.0/15 and the last 17 bits of the VTEP, which distinguish the hosts of a segment of up to 131,072 addresses. IPv6:
 * fd78:6e65:7400::/48 (a unique local prefix, RFC 4193, that spells "xnet") and 80 bits of the VTEP's hash.
 */
export function testAddress(vtep: string, family: Family): string {
  if (family === 6) {
    const hash = createHash('sha256').update(vtep).digest().subarray(0, 10);
    return ipText(Buffer.concat([Buffer.from('fd78:6e65:7400'.replaceAll(':', ''), 'hex'), hash]));
  }
  const [second = 0, third = 0, fourth = 0] = ipBytes(vtep).subarray(-3);
  return `198.${18 + (second & 1)}.${third}.${fourth}`;
}
