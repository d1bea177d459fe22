/** The addresses between which a pair is tested. They are functions of the VTEP, so that no record has to hold them. Pure. */
import { createHash } from 'node:crypto';
import { ipBytes, ipText } from '../../native/netlink/texts.js';
import type { Family } from '../pairs.js';

/** A unique local prefix (RFC 4193) that spells "xnet". */
const PREFIX6 = Buffer.from('fd786e657400', 'hex');

/**
 * IPv4: 198.18.0.0/15, which is for tests between devices of networks (RFC 2544), and the last 17 bits of the VTEP, which distinguish the
 * hosts of a segment of up to 131,072 addresses. For a VTEP of that subnet itself it is 100.126.0.0/15 (of RFC 6598). IPv6:
 * fd78:6e65:7400::/48 and 80 bits of the VTEP's hash.
 */
export function testAddress(vtep: string, family: Family): string {
  if (family === 6)
    return ipText(Buffer.concat([PREFIX6, createHash('sha256').update(vtep).digest().subarray(0, 10)]));
  const [first = 0, second = 0, third = 0, fourth = 0] = ipBytes(vtep).subarray(-4);
  const bit = second & 1;
  const isTaken = !vtep.includes(':') && first === 198 && second - bit === 18;
  return `${isTaken ? `100.${126 + bit}` : `198.${18 + bit}`}.${third}.${fourth}`;
}
