/** Reading what Docker's resolver answers to a query for IPv4 addresses, no further than we need it. Every byte is bounded. */
import { CLASS_IN, HEADER_BYTES, parseName, type Query } from './query.js';
import { TYPE } from './response.js';

export interface AddressAnswer {
  /** What was asked, as far as the answer repeats it. */
  readonly query: Query;
  /** In wire form: 4 bytes each. */
  readonly addresses: readonly Uint8Array[];
}

const QR = 0x8000;
const OPCODE_AND_RCODE = 0x780f;
/** Type, class, TTL and length of a record. */
const RECORD_FIXED = 10;

/** Undefined for every other message, also where there are no addresses. */
export function readAddressAnswer(message: Buffer): AddressAnswer | undefined {
  if (message.length < HEADER_BYTES || message.readUInt32BE(4) >>> 16 !== 1) return undefined;
  const flags = message.readUInt16BE(2);
  const records = message.readUInt16BE(6);
  if (!(flags & QR) || flags & OPCODE_AND_RCODE || records === 0) return undefined;
  const name = parseName(message);
  if (name === undefined || name.end + 4 > message.length) return undefined;
  const type = message.readUInt16BE(name.end);
  if (type !== TYPE.A || message.readUInt16BE(name.end + 2) !== CLASS_IN) return undefined;
  const end = name.end + 4;
  const addresses = readAddresses(message, end, records);
  if (addresses.length === 0) return undefined;
  const question = message.subarray(HEADER_BYTES, end);
  const id = message.readUInt16BE(0);
  return { query: { id, flags, name: name.text, type, question, edns: undefined, udpBytes: 0 }, addresses };
}

/** Of as many records as are whole. */
function readAddresses(message: Buffer, start: number, records: number): Uint8Array[] {
  const addresses: Uint8Array[] = [];
  let at = start;
  for (let read = 0; read < records; read++) {
    const fixed = skipName(message, at);
    if (fixed === undefined || fixed + RECORD_FIXED > message.length) break;
    const content = fixed + RECORD_FIXED;
    const length = message.readUInt16BE(content - 2);
    if (content + length > message.length) break;
    const isAddress = message.readUInt16BE(fixed) === TYPE.A && length === 4;
    if (isAddress) addresses.push(message.subarray(content, content + length));
    at = content + length;
  }
  return addresses;
}

/** Where the name ends: at a root label, or behind a pointer. */
function skipName(message: Buffer, start: number): number | undefined {
  for (let at = start; ; ) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length >= 0xc0) return at + 2;
    if (length === 0) return at + 1;
    at += 1 + length;
  }
}
