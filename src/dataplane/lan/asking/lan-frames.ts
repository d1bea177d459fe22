/**
 * Frames that ask a LAN who has an address, and what answers. Pure.
 *
 * IPv4: ARP probes (RFC 5227, section 1.1), with the sender's address 0.0.0.0, so that nobody writes it into a cache. IPv6: the
 * neighbour solicitations of duplicate address detection (RFC 4862, section 5.4.2), from `::`, which are answered to all nodes.
 */
import { isIPv6 } from 'node:net';
import { ipBytes, ipText, macText } from '../../../native/netlink/texts.js';
import type { Filter } from '../../../native/packets/packet-filter.js';
import { RETURN } from '../../../native/packets/packet-filter.js';

const BROADCAST = Buffer.alloc(6, 0xff);
/** Of all nodes (RFC 2464, section 7, of ff02::1). */
export const ALL_NODES = Buffer.from('333300000001', 'hex');
const TYPE = { arp: 0x0806, ip6: 0x86dd } as const;
const ICMP6 = 58;
const SOLICITATION = 135;
const ADVERTISEMENT = 136;
/** A router does not pass it on (RFC 4861, section 7.1). */
const HOP_LIMIT = 255;

/** Where things are in a frame: behind its header of 14 bytes. */
const AT = {
  arp: { operation: 20, senderMac: 22, sender: 28, end: 42 },
  ip6: { next: 20, hops: 21, icmp: 54, target: 62, options: 78 },
} as const;

/** `mac`: of the interface that it is sent from. */
export function questionFor(address: string, mac: string): Buffer {
  const own = Buffer.from(mac.replaceAll(':', ''), 'hex');
  return isIPv6(address) ? solicitation(ipBytes(address), own) : probe(ipBytes(address), own);
}

/** Takes what may answer, and little else. */
export const ANSWERS: Filter = [
  // ldh [12]; jeq #0x806, take; jeq #0x86dd, 0, drop; ldb [20]; jeq #58, 0, drop; ldb [54]; jeq #136, take, drop
  { code: 0x28, jt: 0, jf: 0, k: 12 },
  { code: 0x15, jt: 5, jf: 0, k: TYPE.arp },
  { code: 0x15, jt: 0, jf: 5, k: TYPE.ip6 },
  { code: 0x30, jt: 0, jf: 0, k: AT.ip6.next },
  { code: 0x15, jt: 0, jf: 3, k: ICMP6 },
  { code: 0x30, jt: 0, jf: 0, k: AT.ip6.icmp },
  { code: 0x15, jt: 0, jf: 1, k: ADVERTISEMENT },
  { code: RETURN, jt: 0, jf: 0, k: 0xffff },
  { code: RETURN, jt: 0, jf: 0, k: 0 },
];

export interface LanAnswer {
  readonly address: string;
  readonly mac: string;
}

/** Who says that it has which address; undefined: nobody does. A probe of another that looks for an address says nothing. */
export function parseAnswer(frame: Buffer): LanAnswer | undefined {
  if (frame.length < AT.arp.end) return undefined;
  const type = frame.readUInt16BE(12);
  if (type === TYPE.arp) return parseArp(frame);
  return type === TYPE.ip6 ? parseAdvertisement(frame) : undefined;
}

/** Replies, and requests, by which a device also says who it is. */
function parseArp(frame: Buffer): LanAnswer | undefined {
  const isOfIpv4 = frame.readUIntBE(14, 6) === 0x000108000604;
  const address = ipText(frame.subarray(AT.arp.sender, AT.arp.sender + 4));
  if (!isOfIpv4 || address === '0.0.0.0') return undefined;
  return { address, mac: macText(frame.subarray(AT.arp.senderMac, AT.arp.sender)) };
}

function parseAdvertisement(frame: Buffer): LanAnswer | undefined {
  const { next, hops, icmp, target, options } = AT.ip6;
  const isAdvertisement =
    frame.length >= options &&
    frame.readUInt8(next) === ICMP6 &&
    frame.readUInt8(hops) === HOP_LIMIT &&
    frame.readUInt8(icmp) === ADVERTISEMENT;
  if (!isAdvertisement) return undefined;
  // The option with the MAC is optional in an answer to a question that was not multicast; then the sender is it.
  const hasMac = frame.length >= options + 8 && frame.readUInt16BE(options) === 0x0201;
  const macAt = hasMac ? options + 2 : 6;
  return {
    address: ipText(frame.subarray(target, options)),
    mac: macText(frame.subarray(macAt, macAt + 6)),
  };
}

function probe(address: Buffer, own: Buffer): Buffer {
  // Ethernet, IPv4, lengths of their addresses, request; sender, whose address stays zero; target.
  const body = [Buffer.from('0001080006040001', 'hex'), own, Buffer.alloc(4), Buffer.alloc(6), address];
  return Buffer.concat([header(BROADCAST, own, TYPE.arp), ...body]);
}

function solicitation(address: Buffer, own: Buffer): Buffer {
  const nodes = solicitedNodes(address);
  const message = Buffer.concat([Buffer.from([SOLICITATION, 0, 0, 0, 0, 0, 0, 0]), address]);
  const from = Buffer.alloc(16);
  const pseudo = Buffer.from([0, 0, 0, message.length, 0, 0, 0, ICMP6]);
  message.writeUInt16BE(checksum(Buffer.concat([from, nodes, pseudo, message])), 2);
  const ip = Buffer.from([0x60, 0, 0, 0, 0, message.length, ICMP6, HOP_LIMIT]);
  const group = Buffer.concat([Buffer.from([0x33, 0x33]), nodes.subarray(12)]);
  return Buffer.concat([header(group, own, TYPE.ip6), ip, from, nodes, message]);
}

/** The multicast group that whoever has the address listens to (RFC 4291, section 2.7.1). */
function solicitedNodes(address: Buffer): Buffer {
  return Buffer.concat([Buffer.from('ff0200000000000000000001ff', 'hex'), address.subarray(13)]);
}

function header(to: Buffer, from: Buffer, type: number): Buffer {
  return Buffer.concat([to, from, Buffer.from([type >> 8, type & 0xff])]);
}

/** RFC 1071, of an even number of bytes. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
