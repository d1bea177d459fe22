/** Responses: writing ours, and reading Docker's, no further than we need it. */
import type { Query } from './query.js';
import {
  CLASS_IN,
  FLAG,
  HEADER_BYTES,
  nameBytes,
  OPT_BYTES,
  optRecord,
  RECORD_FIXED,
  readQuestion,
  TYPE,
} from './wire.js';

/** Seconds that clients may keep an answer: containers come and go. */
const TTL_SECONDS = 5;

/** The UDP size of our own OPT records. */
const OUR_UDP_BYTES = 1232;

const SERVFAIL = 2;
const NXDOMAIN = 3;
const REFUSED = 5;
/** Of an OPT record: extended DNS error (RFC 8914), "prohibited". */
const EXTENDED_ERROR = Buffer.of(0, 15, 0, 2, 0, 18);
/** Of the query. */
const KEPT = FLAG.RD | FLAG.CD;

export interface DnsRecord {
  /** undefined: the question's own name. */
  readonly owner?: string | undefined;
  readonly type: number;
  readonly content: Uint8Array;
}

export interface DnsAnswers {
  /** Taken until one does not fit. */
  readonly answers: Iterable<DnsRecord>;
  /** Read after the answers. Left out, without TC, where they do not fit. */
  readonly additionals?: readonly DnsRecord[];
}

/** What a response repeats of its query. */
type Asked = Pick<Query, 'id' | 'flags' | 'name' | 'type' | 'question' | 'edns'>;

/**
 * A response with rcode NOERROR of at most `limit` bytes: as many answers as fit, from the first; TC when some
 * did not.
 */
export function formatResponse(
  { id, flags, question, edns }: Asked,
  { answers, additionals = [] }: DnsAnswers,
  limit: number,
): Buffer {
  const fixed = HEADER_BYTES + question.length;
  const room = limit - fixed - (edns ? OPT_BYTES : 0);
  const records: Buffer[] = [];
  const { left, isTruncated } = addFitting(records, answers, room);
  const answered = records.length;
  if (!isTruncated) addFitting(records, additionals, left);
  const added = records.length - answered;
  if (edns) records.push(optRecord({ udpBytes: OUR_UDP_BYTES, dnssecOk: edns.dnssecOk }));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(FLAG.QR | FLAG.RA | (isTruncated ? FLAG.TC : 0) | (flags & KEPT), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answered, 6);
  header.writeUInt16BE(added + (edns ? 1 : 0), 10);
  return Buffer.concat([header, question, ...records]);
}

/** The query sent back as "server failure", for when Docker's resolver refuses to be asked. */
export function formatFailure(packet: Buffer): Buffer {
  const response = Buffer.from(packet);
  const kept = packet.readUInt16BE(2) & (FLAG.OPCODE | KEPT);
  response.writeUInt16BE(FLAG.QR | FLAG.RA | SERVFAIL | kept, 2);
  return response;
}

/** In wire form, from the first record until one does not fit. Returns the room that is left. */
function addFitting(
  to: Buffer[],
  records: Iterable<DnsRecord>,
  room: number,
): { readonly left: number; readonly isTruncated: boolean } {
  let left = room;
  for (const record of records) {
    const bytes = recordBytes(record);
    if (bytes.length > left) return { left, isTruncated: true };
    to.push(bytes);
    left -= bytes.length;
  }
  return { left, isTruncated: false };
}

/**
 * The answer to a query for a name that the container may not ask for: there is no such name, for which programs go on with the next
 * domain of their search list; those that ask with EDNS get the reason as well.
 */
export function formatProhibited({ id, flags, question, edns }: Asked): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(FLAG.QR | FLAG.RA | NXDOMAIN | (flags & KEPT), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(edns ? 1 : 0, 10);
  if (!edns) return Buffer.concat([header, question]);
  const opt = optRecord({ udpBytes: OUR_UDP_BYTES, dnssecOk: edns.dnssecOk });
  opt.writeUInt16BE(EXTENDED_ERROR.length, opt.length - 2);
  return Buffer.concat([header, question, opt, EXTENDED_ERROR]);
}

/** The query sent back as "refused": it cannot be read what it asks for. */
export function formatRefused(packet: Buffer): Buffer {
  const response = formatFailure(packet);
  response.writeUInt16BE((response.readUInt16BE(2) & ~FLAG.RCODE) | REFUSED, 2);
  return response;
}

/** A pointer to the question's name, which follows the header. */
const TO_QUESTION = Buffer.of(0xc0, HEADER_BYTES);

function recordBytes({ owner, type, content }: DnsRecord): Buffer {
  const name = (owner === undefined ? undefined : nameBytes(owner)) ?? TO_QUESTION;
  const at = name.length;
  const record = Buffer.allocUnsafe(at + RECORD_FIXED + content.length);
  record.set(name);
  record.writeUInt16BE(type, at);
  record.writeUInt16BE(CLASS_IN, at + 2);
  record.writeUInt32BE(TTL_SECONDS, at + 4);
  record.writeUInt16BE(content.length, at + 8);
  record.set(content, at + RECORD_FIXED);
  return record;
}

/** Whether this answer is a failure. A name without a record of the type asked for is none: it is known there. */
export function isDenial(answer: Buffer): boolean {
  return answer.length >= HEADER_BYTES && (answer.readUInt16BE(2) & FLAG.RCODE) !== 0;
}

export interface AddressAnswer {
  /** What was asked, as far as the answer repeats it. */
  readonly query: Asked;
  /** In wire form: 4 bytes each. */
  readonly addresses: readonly Uint8Array[];
}

/** An answer to a query for IPv4 addresses. Undefined for every other message, also where there are no addresses. */
export function readAddressAnswer(message: Buffer): AddressAnswer | undefined {
  if (message.length < HEADER_BYTES || message.readUInt16BE(4) !== 1) return undefined;
  const flags = message.readUInt16BE(2);
  if (!(flags & FLAG.QR) || flags & (FLAG.OPCODE | FLAG.RCODE)) return undefined;
  const asked = readQuestion(message);
  if (asked?.type !== TYPE.A) return undefined;
  const { name, type, bytes: question } = asked;
  const addresses = readAddresses(message, HEADER_BYTES + question.length, message.readUInt16BE(6));
  if (addresses.length === 0) return undefined;
  return { query: { id: message.readUInt16BE(0), flags, name, type, question, edns: undefined }, addresses };
}

function readAddresses(message: Buffer, start: number, records: number): Uint8Array[] {
  return [...readRecords(message, start, records)].flatMap(({ type, content }) =>
    type === TYPE.A && content.length === 4 ? [content] : [],
  );
}

export interface ReadAddress {
  /** 4 or 16 bytes. */
  readonly content: Buffer;
  readonly ttlSeconds: number;
}

/** All IPv4 and IPv6 addresses among the answers of a message, whatever name of a chain they are of. None of what is no answer. */
export function readAllAddresses(message: Buffer): ReadAddress[] {
  const question = message.length < HEADER_BYTES ? undefined : readQuestion(message);
  if (!question || message.readUInt16BE(4) !== 1) return [];
  const start = HEADER_BYTES + question.bytes.length;
  return [...readRecords(message, start, message.readUInt16BE(6))].filter(
    ({ type, content: { length } }) =>
      (type === TYPE.A && length === 4) || (type === TYPE.AAAA && length === 16),
  );
}

/** As many as are whole. */
function* readRecords(
  message: Buffer,
  start: number,
  records: number,
): Iterable<ReadAddress & { readonly type: number }> {
  let at = start;
  for (let read = 0; read < records; read++) {
    const fixed = skipName(message, at);
    if (fixed === undefined || fixed + RECORD_FIXED > message.length) break;
    const content = fixed + RECORD_FIXED;
    const length = message.readUInt16BE(content - 2);
    if (content + length > message.length) break;
    const type = message.readUInt16BE(fixed);
    const ttlSeconds = message.readUInt32BE(fixed + 4);
    yield { type, content: message.subarray(content, content + length), ttlSeconds };
    at = content + length;
  }
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
