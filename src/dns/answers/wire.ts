/**
 * DNS messages in wire form (RFC 1035): the numbers, names, the question, the OPT record. Hostile input: every byte that is
 * read is bounded, nothing is allocated by a count in the message.
 */
export const HEADER_BYTES = 12;
/** Type, class, TTL and length of a record, after its name. */
export const RECORD_FIXED = 10;
/** The longest message over TCP: its length is written in two bytes. */
export const MOST_TCP_BYTES = 65_535;

export const CLASS_IN = 1;
export const TYPE = { A: 1, PTR: 12, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const;

/** In the second pair of bytes of the header. */
export const FLAG = {
  QR: 0x8000,
  OPCODE: 0x7800,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  CD: 0x0010,
  RCODE: 0x000f,
} as const;

const MOST_NAME_BYTES = 255;
const MOST_LABEL_BYTES = 63;

/** A question of class IN. */
export interface Question {
  /** One character a byte, without the dot at the end. */
  readonly name: string;
  readonly type: number;
  /** Name, type and class as they came. */
  readonly bytes: Buffer;
}

/** The first question. Undefined for one of another class, past the end, or with a name that `readName` refuses. */
export function readQuestion(message: Buffer): Question | undefined {
  const name = readName(message, HEADER_BYTES);
  if (name === undefined || name.end + 4 > message.length) return undefined;
  if (message.readUInt16BE(name.end + 2) !== CLASS_IN) return undefined;
  const bytes = message.subarray(HEADER_BYTES, name.end + 4);
  return { name: name.text, type: message.readUInt16BE(name.end), bytes };
}

/** Undefined for a name with compression (senseless in a question), with a dot in a label, or past the end. */
function readName(message: Buffer, start: number): { text: string; end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = message[at++];
    if (length === undefined || length > MOST_LABEL_BYTES) return undefined;
    if (at + length - start > MOST_NAME_BYTES) return undefined;
    if (length === 0) return { text: labels.join('.'), end: at };
    if (at + length > message.length) return undefined;
    const label = message.toString('latin1', at, at + length);
    if (label.includes('.')) return undefined;
    labels.push(label);
    at += length;
  }
}

/** The wire form of a name; undefined when it has none (empty or over-long labels). */
export function nameBytes(name: string): Buffer | undefined {
  const labels = name.split('.').map((label) => Buffer.from(label, 'latin1'));
  if (labels.some(({ length }) => length === 0 || length > MOST_LABEL_BYTES)) return undefined;
  const bytes = Buffer.concat([...labels.flatMap((label) => [Buffer.of(label.length), label]), Buffer.of(0)]);
  return bytes.length > MOST_NAME_BYTES ? undefined : bytes;
}

export interface Edns {
  /** The largest message over UDP that the sender takes. */
  readonly udpBytes: number;
  readonly dnssecOk: boolean;
}

export const OPT_BYTES = 1 + RECORD_FIXED;
const DNSSEC_OK = 0x8000;

/** RFC 6891: root name, type 41, the class is the UDP size, the TTL has version and the DO bit. */
export function optRecord({ udpBytes, dnssecOk }: Edns): Buffer {
  const record = Buffer.alloc(OPT_BYTES);
  record.writeUInt16BE(TYPE.OPT, 1);
  record.writeUInt16BE(udpBytes, 3);
  record.writeUInt16BE(dnssecOk ? DNSSEC_OK : 0, 7);
  return record;
}

/** Undefined for anything but a whole OPT record of version 0. */
export function readOpt(message: Buffer, at: number): Edns | undefined {
  if (at + OPT_BYTES > message.length || message[at] !== 0) return undefined;
  if (message.readUInt16BE(at + 1) !== TYPE.OPT || message[at + 6] !== 0) return undefined;
  if (at + OPT_BYTES + message.readUInt16BE(at + 9) > message.length) return undefined;
  return {
    udpBytes: message.readUInt16BE(at + 3),
    dnssecOk: (message.readUInt16BE(at + 7) & DNSSEC_OK) !== 0,
  };
}
