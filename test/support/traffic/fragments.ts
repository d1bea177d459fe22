/** UDP packets in fragments, as no host sends them by itself: the first one no longer than its maker wants. */
import { ipBytes } from '../../../src/native/netlink/texts.js';

export interface Datagram {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly payload: Buffer;
}

const UDP = 17;
const FRAGMENT = 44;
/** Offsets of fragments count in units of 8 bytes. */
const UNIT = 8;

/** The Ethernet frames; the first fragment has UDP's header and `firstBytes` more, a multiple of 8. */
export function fragments(
  datagram: Datagram,
  macs: { from: string; to: string },
  firstBytes: number,
): Buffer[] {
  const isIpv6 = datagram.to.includes(':');
  const whole = udp(datagram);
  const cut = UNIT + firstBytes;
  const parts = [
    { at: 0, bytes: whole.subarray(0, cut), isLast: false },
    { at: cut, bytes: whole.subarray(cut), isLast: true },
  ];
  const header = Buffer.concat([
    macBytes(macs.to),
    macBytes(macs.from),
    Buffer.from(isIpv6 ? '86dd' : '0800', 'hex'),
  ]);
  return parts.map(({ at, bytes, isLast }) =>
    Buffer.concat([header, (isIpv6 ? ip6 : ip4)(datagram, at, isLast, bytes.length), bytes]),
  );
}

function udp({ from, to, port, payload }: Datagram): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(40_000, 0);
  header.writeUInt16BE(port, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  const pseudo = Buffer.concat([ipBytes(from), ipBytes(to), word(8 + payload.length), word(UDP)]);
  const sum = checksum(Buffer.concat([pseudo, header, payload, Buffer.alloc(payload.length % 2)]));
  header.writeUInt16BE(sum === 0 ? 0xffff : sum, 6);
  return Buffer.concat([header, payload]);
}

function ip4({ from, to }: Datagram, at: number, isLast: boolean, length: number): Buffer {
  const header = Buffer.from([0x45, 0, 0, 0, 0x12, 0x34, 0, 0, 64, UDP, 0, 0]);
  header.writeUInt16BE(20 + length, 2);
  header.writeUInt16BE((isLast ? 0 : 0x2000) | (at / UNIT), 6);
  const whole = Buffer.concat([header, ipBytes(from), ipBytes(to)]);
  whole.writeUInt16BE(checksum(whole), 10);
  return whole;
}

function ip6({ from, to }: Datagram, at: number, isLast: boolean, length: number): Buffer {
  const header = Buffer.from([0x60, 0, 0, 0, 0, 0, FRAGMENT, 64]);
  header.writeUInt16BE(UNIT + length, 4);
  const fragment = Buffer.from([UDP, 0, 0, 0, 0x12, 0x34, 0x56, 0x78]);
  fragment.writeUInt16BE(at | (isLast ? 0 : 1), 2);
  return Buffer.concat([header, ipBytes(from), ipBytes(to), fragment]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

/** RFC 1071, of an even number of bytes. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
