/**
 * The blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian. All interfaces are Ethernet, and have one snap length:
 * tcpdump reads no others beside each other. Pure.
 */
import type { SeenPacket } from './time-order.js';

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER = 0x1a2b3c4d;
const INTERFACE = 1;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;

const LINKTYPE_ETHERNET = 1;
/** As tcpdump's own; packets may be cut shorter. */
const SNAP_BYTES = 262_144;

/** Options: comment; name, description, resolution and filter of an interface; the program; flags; statistics. */
const COMMENT = 1;
const INTERFACE_NAME = 2;
const INTERFACE_DESCRIPTION = 3;
const INTERFACE_RESOLUTION = 9;
const INTERFACE_FILTER = 11;
const USER_APPLICATION = 4;
const PACKET_FLAGS = 2;
const STATISTICS_DROPPED = 5;
/** 10 to the power of -9 seconds. */
const NANOSECONDS = 9;
const FLAGS = { in: 1, out: 2 } as const;

export interface CapturedInterface {
  readonly name: string;
  readonly description: string;
  /** In tcpdump's language. */
  readonly filter?: string | undefined;
}

/** The beginning of the file. */
export function sectionBlock(program: string, comment: string): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(BYTE_ORDER, 0);
  body.writeUInt16LE(1, 4);
  // How long the section is, is not known.
  body.writeBigInt64LE(-1n, 8);
  return block(SECTION_HEADER, body, [text(USER_APPLICATION, program), text(COMMENT, comment)]);
}

/** Interfaces are numbered from 0, in the order of their blocks. */
export function interfaceBlock({ name, description, filter }: CapturedInterface): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt16LE(LINKTYPE_ETHERNET, 0);
  body.writeUInt32LE(SNAP_BYTES, 4);
  return block(INTERFACE, body, [
    text(INTERFACE_NAME, name),
    text(INTERFACE_DESCRIPTION, description),
    option(INTERFACE_RESOLUTION, Buffer.from([NANOSECONDS])),
    // A byte says in which form: 0 is tcpdump's language.
    ...(filter === undefined ? [] : [option(INTERFACE_FILTER, Buffer.from(`\0${filter}`))]),
  ]);
}

export function packetBlock(interfaceNumber: number, { atNs, direction, length, bytes }: SeenPacket): Buffer {
  const body = Buffer.alloc(20);
  body.writeUInt32LE(interfaceNumber, 0);
  writeTime(body, atNs, 4);
  body.writeUInt32LE(bytes.length, 12);
  body.writeUInt32LE(length, 16);
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(FLAGS[direction]);
  return block(ENHANCED_PACKET, Buffer.concat([body, padded(bytes)]), [option(PACKET_FLAGS, flags)]);
}

/** At the end, of each interface. `dropped`: packets that were lost. */
export function statisticsBlock(interfaceNumber: number, atNs: bigint, dropped: number): Buffer {
  const body = Buffer.alloc(12);
  body.writeUInt32LE(interfaceNumber, 0);
  writeTime(body, atNs, 4);
  const count = Buffer.alloc(8);
  count.writeBigUInt64LE(BigInt(dropped));
  return block(INTERFACE_STATISTICS, body, [option(STATISTICS_DROPPED, count)]);
}

/** The upper half first. */
function writeTime(body: Buffer, atNs: bigint, offset: number): void {
  body.writeUInt32LE(Number(atNs >> 32n), offset);
  body.writeUInt32LE(Number(atNs & 0xffffffffn), offset + 4);
}

/** Its length stands at its beginning and at its end. */
function block(type: number, body: Buffer, options: readonly Buffer[]): Buffer {
  const end = Buffer.alloc(4);
  const content = Buffer.concat([body, ...options, end]);
  const bytes = Buffer.alloc(content.length + 12);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(bytes.length, 4);
  content.copy(bytes, 8);
  bytes.writeUInt32LE(bytes.length, bytes.length - 4);
  return bytes;
}

function text(code: number, value: string): Buffer {
  return option(code, Buffer.from(value));
}

/** Its length has two bytes: what is longer, as a filter may be, is cut. */
const LONGEST_OPTION = 0xffff;

function option(code: number, whole: Buffer): Buffer {
  const value = whole.subarray(0, LONGEST_OPTION);
  const header = Buffer.alloc(4);
  header.writeUInt16LE(code, 0);
  header.writeUInt16LE(value.length, 2);
  return Buffer.concat([header, padded(value)]);
}

/** To a multiple of 4 bytes. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
