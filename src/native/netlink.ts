/**
 * Netlink (netlink(7)): messages as bytes, and requests to the netfilter of another network namespace. The kernel does the work
 * within send: the answer is there when send returns, and nothing waits. Headers are in the machine's byte order (little-endian,
 * see socket-sandbox.ts), the numbers in netfilter's attributes in the network's.
 */
import { closeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { XnetError } from '../errors.js';
import { checked, LINUX, recv, send, socket } from './socket-libc.js';
import { inNamespace } from './socket-namespace.js';

/** linux/netlink.h */
export const NLM_F = { REQUEST: 0x1, ACK: 0x4, DUMP: 0x300, CREATE: 0x400, APPEND: 0x800 } as const;
const NLM_F_MULTI = 0x2;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;

/** Of nlmsghdr; nfgenmsg, of 4 bytes, follows in all messages of netfilter. */
const HEADER = 16;
const NETFILTER_HEADER = 4;

/** The kernel sends no more at once (NLMSG_GOODSIZE, and 32 kB of a dump). */
const ANSWER_BYTES = 64 << 10;

export interface NetfilterMessage {
  readonly type: number;
  readonly flags?: number;
  /** AF_INET, ...; absent: any. */
  readonly family?: number;
  readonly resource?: number;
  readonly attributes?: readonly Buffer[];
}

/** A message that the kernel sent, without its header. */
export interface Answer {
  readonly type: number;
  /** After nfgenmsg. */
  readonly attributes: Buffer;
}

export function attribute(type: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(padded(4 + value.length));
  bytes.writeUInt16LE(4 + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, 4);
  return bytes;
}

/** Without NLA_F_NESTED, which nftables neither needs nor writes. */
export function nested(type: number, attributes: readonly Buffer[]): Buffer {
  return attribute(type, Buffer.concat(attributes));
}

export function number32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return attribute(type, bytes);
}

export function text(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`));
}

export interface Attribute {
  readonly type: number;
  readonly value: Buffer;
  /** With its header and padding. */
  readonly bytes: Buffer;
}

export function* attributesOf(bytes: Buffer): Iterable<Attribute> {
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4) return;
    const value = bytes.subarray(at + 4, at + length);
    const end = at + padded(length);
    yield { type: bytes.readUInt16LE(at + 2), value, bytes: bytes.subarray(at, end) };
    at = end;
  }
}

/**
 * Sends the messages as one to the netfilter of the namespace at `path`, and returns what it answers. Throws NOT_FOUND when no
 * namespace is at the path, UNSUPPORTED where this process may not ask, and KERNEL with `asked`, for people, when the kernel
 * refuses one of them; the others are not done then, if they are a batch.
 */
export function askNetfilter(path: string, messages: readonly NetfilterMessage[], asked: string): Answer[] {
  return inNamespace(path, () => {
    const type = LINUX.SOCK_RAW | LINUX.SOCK_CLOEXEC;
    const fd = checked(socket(LINUX.AF_NETLINK, type, LINUX.NETLINK_NETFILTER), 'socket');
    try {
      const request = Buffer.concat(messages.map(encoded));
      checked(send(fd, request, request.length, 0), `send to ${asked}`);
      return receive(fd, asked);
    } finally {
      closeSync(fd);
    }
  });
}

/** One answer, or all of a dump. With MSG_DONTWAIT, so that a kernel that does not answer at once cannot hold the daemon. */
function receive(fd: number, asked: string): Answer[] {
  const answers: Answer[] = [];
  const buffer = Buffer.alloc(ANSWER_BYTES);
  for (;;) {
    const length = checked(recv(fd, buffer, buffer.length, LINUX.MSG_DONTWAIT), `recv from ${asked}`);
    for (const { type, flags, body } of messagesIn(buffer.subarray(0, length))) {
      if (type === NLMSG_DONE) return answers;
      if (type === NLMSG_ERROR) {
        throwRefusal(body.readInt32LE(0), asked);
        return answers;
      }
      answers.push({ type, attributes: Buffer.from(body.subarray(NETFILTER_HEADER)) });
      if ((flags & NLM_F_MULTI) === 0) return answers;
    }
  }
}

function* messagesIn(bytes: Buffer): Iterable<{ type: number; flags: number; body: Buffer }> {
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    const body = bytes.subarray(at + HEADER, at + length);
    yield { type: bytes.readUInt16LE(at + 4), flags: bytes.readUInt16LE(at + 6), body };
    at += padded(length);
  }
}

/** `code`: a negative errno; 0 is success. */
function throwRefusal(code: number, asked: string): void {
  if (code === 0) return;
  const errno = getSystemErrorName(code);
  throw new XnetError('KERNEL', `the kernel refused ${asked} in a sandbox: ${errno}`, { asked, errno });
}

function encoded({ type, flags = 0, family = 0, resource = 0, attributes = [] }: NetfilterMessage): Buffer {
  const header = Buffer.alloc(HEADER + NETFILTER_HEADER);
  const body = Buffer.concat(attributes);
  header.writeUInt32LE(header.length + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags | NLM_F.REQUEST, 6);
  header.writeUInt8(family, HEADER);
  header.writeUInt16BE(resource, HEADER + 2);
  return Buffer.concat([header, body]);
}

/** Messages and attributes begin at multiples of 4. */
function padded(length: number): number {
  return (length + 3) & ~3;
}
