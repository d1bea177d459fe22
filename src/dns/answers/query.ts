/** Queries: reading a client's, no further than our answers need it, and making our own to Docker's resolver. */

import { foldCase } from './names.js';
import {
  CLASS_IN,
  type Edns,
  FLAG,
  HEADER_BYTES,
  nameBytes,
  optRecord,
  readOpt,
  readQuestion,
  TYPE,
} from './wire.js';

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
  readonly question: Buffer;
  readonly edns: Edns | undefined;
  /** What an answer over UDP may take. */
  readonly udpBytes: number;
}

/**
 * `drop`: nothing that could be passed on or answered. `forward`: not of the one form we answer (one question,
 * class IN, plain query, at most an OPT record of version 0 besides); Docker's resolver shall judge.
 */
export function parseQuery(packet: Buffer): Query | 'drop' | 'forward' {
  if (packet.length < HEADER_BYTES) return 'drop';
  const flags = packet.readUInt16BE(2);
  if (flags & FLAG.QR) return 'drop';
  const additionals = packet.readUInt16BE(10);
  const isPlain = (flags & (FLAG.OPCODE | FLAG.TC | FLAG.RCODE)) === 0;
  const isOneQuestion = packet.readUInt16BE(4) === 1 && packet.readUInt32BE(6) === 0;
  if (!isPlain || !isOneQuestion || additionals > 1) return 'forward';
  const question = readQuestion(packet);
  if (!question) return 'forward';
  const edns = additionals === 0 ? undefined : readOpt(packet, HEADER_BYTES + question.bytes.length);
  if (additionals > 0 && !edns) return 'forward';
  return {
    id: packet.readUInt16BE(0),
    flags,
    name: foldCase(question.name),
    type: question.type,
    question: question.bytes,
    edns,
    udpBytes: edns ? Math.min(Math.max(edns.udpBytes, LEAST_UDP_BYTES), MOST_UDP_BYTES) : LEAST_UDP_BYTES,
  };
}

/** A query for IPv4 addresses, which takes an answer of `udpBytes`; undefined for a name too long. */
export function formatAddressQuery(name: string, udpBytes: number): Buffer | undefined {
  const bytes = nameBytes(name);
  if (!bytes) return undefined;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(FLAG.RD, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(1, 10);
  const type = Buffer.of(0, TYPE.A, 0, CLASS_IN);
  return Buffer.concat([header, bytes, type, optRecord({ udpBytes, dnssecOk: false })]);
}

/** The query that `answer` belongs to, as far as the answer repeats it. */
export function queryOf(answer: Buffer): Buffer | undefined {
  const question = readQuestion(answer);
  if (!question) return undefined;
  const query = Buffer.from(answer.subarray(0, HEADER_BYTES + question.bytes.length));
  query.writeUInt16BE(query.readUInt16BE(2) & FLAG.RD, 2);
  query.fill(0, 6, HEADER_BYTES);
  return query;
}
