/** Writing a DNS response: the question as it came, records until the client's size is reached, EDNS. */
import { CLASS_IN, HEADER_BYTES, type Query } from './query.js';

export const TYPE = { A: 1, PTR: 12, AAAA: 28, SRV: 33, ANY: 255 } as const;

/** Seconds that clients may keep an answer: containers come and go. */
export const TTL_SECONDS = 5;

export interface DnsRecord {
  /** undefined: the question's own name. */
  readonly owner?: string | undefined;
  readonly type: number;
  readonly content: Uint8Array;
}

export interface DnsAnswers {
  readonly answers: readonly DnsRecord[];
  /** Left out, without a word, where they do not fit. */
  readonly additionals?: readonly DnsRecord[];
}

const QR = 0x8000;
const TC = 0x0200;
const RA = 0x0080;
/** Of the query: RD and CD. */
const KEPT = 0x0110;

const RECORD_FIXED = 10;
const OPT_BYTES = 11;

/** What we say we take over UDP ourselves. */
const OUR_UDP_BYTES = 1232;

/**
 * A response with rcode NOERROR of at most `limit` bytes: as many answers as fit, from the first; TC when some
 * did not.
 */
export function formatResponse(
  query: Query,
  { answers, additionals = [] }: DnsAnswers,
  limit: number,
): Buffer {
  const room = limit - (query.edns ? OPT_BYTES : 0);
  const fixed = HEADER_BYTES + query.question.length;
  const [answered, answersEnd] = fitting(answers, fixed, room);
  const [added, end] = answered < answers.length ? [0, answersEnd] : fitting(additionals, answersEnd, room);
  const response = Buffer.alloc(end + (query.edns ? OPT_BYTES : 0));
  response.writeUInt16BE(query.id, 0);
  const truncated = answered < answers.length ? TC : 0;
  response.writeUInt16BE(QR | truncated | RA | (query.flags & KEPT), 2);
  response.writeUInt16BE(1, 4);
  response.writeUInt16BE(answered, 6);
  response.writeUInt16BE(added + (query.edns ? 1 : 0), 10);
  response.set(query.question, HEADER_BYTES);
  let at = fixed;
  for (const record of answers.slice(0, answered)) at = writeRecord(response, at, record);
  for (const record of additionals.slice(0, added)) at = writeRecord(response, at, record);
  if (query.edns) writeOpt(response, at, query.edns.dnssecOk);
  return response;
}

/** The query sent back as "server failure", for when Docker's resolver refuses to be asked. */
export function formatFailure(packet: Buffer): Buffer {
  const SERVFAIL = 2;
  const response = Buffer.from(packet);
  response.writeUInt16BE(QR | RA | SERVFAIL | (packet.readUInt16BE(2) & (0x7800 | KEPT)), 2);
  return response;
}

/** RFC 1035 wire form of a name; undefined when it has no such form (empty or over-long labels). */
export function nameBytes(name: string): Buffer | undefined {
  const labels = name.split('.').map((label) => Buffer.from(label, 'latin1'));
  if (labels.some(({ length }) => length === 0 || length > 63)) return undefined;
  const bytes = Buffer.concat([...labels.flatMap((label) => [Buffer.of(label.length), label]), Buffer.of(0)]);
  return bytes.length > 255 ? undefined : bytes;
}

function fitting(records: readonly DnsRecord[], from: number, room: number): [count: number, end: number] {
  let end = from;
  for (const [index, record] of records.entries()) {
    const next = end + ownerBytes(record).length + RECORD_FIXED + record.content.length;
    if (next > room) return [index, end];
    end = next;
  }
  return [records.length, end];
}

/** A pointer to the question's name, which follows the header. */
const TO_QUESTION = Buffer.of(0xc0, HEADER_BYTES);

function ownerBytes({ owner }: DnsRecord): Buffer {
  return owner === undefined ? TO_QUESTION : (nameBytes(owner) ?? TO_QUESTION);
}

function writeRecord(response: Buffer, start: number, record: DnsRecord): number {
  const owner = ownerBytes(record);
  response.set(owner, start);
  const at = start + owner.length;
  response.writeUInt16BE(record.type, at);
  response.writeUInt16BE(CLASS_IN, at + 2);
  response.writeUInt32BE(TTL_SECONDS, at + 4);
  response.writeUInt16BE(record.content.length, at + 8);
  response.set(record.content, at + RECORD_FIXED);
  return at + RECORD_FIXED + record.content.length;
}

function writeOpt(response: Buffer, at: number, dnssecOk: boolean): void {
  response.writeUInt16BE(41, at + 1);
  response.writeUInt16BE(OUR_UDP_BYTES, at + 3);
  response.writeUInt16BE(dnssecOk ? 0x8000 : 0, at + 7);
}
