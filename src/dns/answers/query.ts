/**
 * Reading a DNS query, no further than our answers need it. Hostile input: every byte is bounded, nothing is
 * allocated by a count in the packet.
 */
import { foldCase } from './zone.js';

export const HEADER_BYTES = 12;
export const CLASS_IN = 1;
const TYPE_OPT = 41;
const MAX_NAME_BYTES = 255;

/** The least a client takes over UDP (RFC 1035), and the most we make use of. */
const LEAST_UDP_BYTES = 512;
const MOST_UDP_BYTES = 4096;

export interface Query {
  readonly id: number;
  /** The second pair of bytes of the header: opcode, RD, CD and more. */
  readonly flags: number;
  /** As `nameKey` makes names, without the dot at the end. */
  readonly name: string;
  readonly type: number;
  /** Name, type and class as they came. */
  readonly question: Uint8Array;
  readonly edns: Edns | undefined;
  /** What an answer over UDP may take. */
  readonly udpBytes: number;
}

export interface Edns {
  readonly dnssecOk: boolean;
}

/**
 * `drop`: nothing that could be passed on or answered. `unusual`: not of the one form we answer (one question,
 * class IN, plain query, at most an OPT record of version 0 besides); Docker's resolver shall judge.
 */
export function parseQuery(packet: Buffer): Query | 'drop' | 'unusual' {
  if (packet.length < HEADER_BYTES) return 'drop';
  const flags = packet.readUInt16BE(2);
  if (flags & 0x8000) return 'drop';
  const additionals = packet.readUInt16BE(10);
  const plain = (flags & 0x7a0f) === 0 && packet.readUInt16BE(4) === 1 && packet.readUInt32BE(6) === 0;
  if (!plain || additionals > 1) return 'unusual';
  const name = parseName(packet);
  if (name === undefined || name.end + 4 > packet.length) return 'unusual';
  if (packet.readUInt16BE(name.end + 2) !== CLASS_IN) return 'unusual';
  const end = name.end + 4;
  const edns = additionals === 0 ? undefined : parseOpt(packet, end);
  if (edns === 'unusual') return 'unusual';
  return {
    id: packet.readUInt16BE(0),
    flags,
    name: foldCase(name.text),
    type: packet.readUInt16BE(name.end),
    question: packet.subarray(HEADER_BYTES, end),
    edns,
    udpBytes: edns ? Math.min(Math.max(edns.udpBytes, LEAST_UDP_BYTES), MOST_UDP_BYTES) : LEAST_UDP_BYTES,
  };
}

/** The question's. Undefined for a name with compression (senseless in a question), with a dot in a label, or past the end. */
export function parseName(packet: Buffer): { text: string; end: number } | undefined {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = packet[at++];
    if (length === undefined || length > 63 || at + length - HEADER_BYTES > MAX_NAME_BYTES) return undefined;
    if (length === 0) return { text: labels.join('.'), end: at };
    if (at + length > packet.length) return undefined;
    const label = packet.toString('latin1', at, at + length);
    if (label.includes('.')) return undefined;
    labels.push(label);
    at += length;
  }
}

/** RFC 6891: root name, type 41, the class is the sender's UDP size, the TTL has version and the DO bit. */
function parseOpt(packet: Buffer, at: number): (Edns & { readonly udpBytes: number }) | 'unusual' {
  const FIXED = 11;
  if (at + FIXED > packet.length || packet[at] !== 0) return 'unusual';
  if (packet.readUInt16BE(at + 1) !== TYPE_OPT || packet[at + 6] !== 0) return 'unusual';
  if (at + FIXED + packet.readUInt16BE(at + 9) > packet.length) return 'unusual';
  return {
    udpBytes: packet.readUInt16BE(at + 3),
    dnssecOk: (packet.readUInt16BE(at + 7) & 0x8000) !== 0,
  };
}
