/**
 * Netlink (netlink(7)): messages as bytes, and requests to the kernel of a network namespace. The kernel does the work within
 * send: the answer is there when send returns, and nothing waits. Headers are in the machine's byte order (little-endian, see
 * socket-sandbox.ts).
 */
import { closeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { XnetError } from '../../errors.js';
import {
  bind,
  checked,
  connect,
  LINUX,
  recv,
  recvLater,
  send,
  sendLater,
  setsockopt,
  socket,
} from '../socket-libc.js';
import { inNamespace } from '../socket-namespace.js';

/** linux/netlink.h */
export const NLM_F = { REQUEST: 0x1, ACK: 0x4, DUMP: 0x300, CREATE: 0x400, APPEND: 0x800 } as const;
const NLM_F_MULTI = 0x2;
const NLM_F_DUMP_INTR = 0x10;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** NLA_F_NESTED and NLA_F_NET_BYTEORDER, which some kernels set, are no part of an attribute's type. */
const TYPE_MASK = 0x3fff;

/** Of nlmsghdr. */
const HEADER = 16;

/** The kernel sends no more at once (NLMSG_GOODSIZE, and 32 kB of a dump). */
const MOST_BYTES = 64 << 10;
/** Of requests that are answered at once; what is read is copied at once. */
const received = Buffer.alloc(MOST_BYTES);

export interface Message {
  readonly type: number;
  readonly flags?: number;
  /** What precedes the attributes: nfgenmsg, ifinfomsg, ndmsg. */
  readonly header: Buffer;
  readonly attributes?: readonly Buffer[];
}

/** A message that the kernel sent, without nlmsghdr. */
export interface Answer {
  readonly type: number;
  readonly body: Buffer;
}

export function attribute(type: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(padded(4 + value.length));
  bytes.writeUInt16LE(4 + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, 4);
  return bytes;
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
    yield { type: bytes.readUInt16LE(at + 2) & TYPE_MASK, value, bytes: bytes.subarray(at, end) };
    at = end;
  }
}

/** Calls `take` with each attribute: for long lists, since it makes no object for it. */
export function eachAttribute(bytes: Buffer, take: (type: number, value: Buffer) => void): void {
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4) return;
    take(bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + 4, at + length));
    at += padded(length);
  }
}

/**
 * A socket of the namespace at `path`, or of this process's own, which gets the events of `groups` (a mask); it keeps the
 * namespace alive until whoever opened it closes it. Throws NOT_FOUND when no namespace is at the path, UNSUPPORTED and KERNEL.
 *
 * Connected to the kernel, so that nobody else can send to it: a container that may set up its network could otherwise answer in
 * the kernel's place.
 */
export function openNetlink(protocol: number, path: string | undefined, groups = 0): number {
  const open = () => {
    const fd = checked(socket(LINUX.AF_NETLINK, LINUX.SOCK_RAW | LINUX.SOCK_CLOEXEC, protocol), 'socket');
    try {
      const [own, kernel] = [addressOf(groups), addressOf(0)];
      checked(bind(fd, own, own.length), 'bind to netlink');
      checked(connect(fd, kernel, kernel.length), 'connect to netlink');
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  };
  return path === undefined ? open() : inNamespace(path, open);
}

/**
 * The kernel looks at all that a request for a list has, as the number of another namespace, and refuses what it does not know
 * (NETLINK_GET_STRICT_CHK, netlink(7)). Throws KERNEL.
 */
export function checkStrictly(fd: number): void {
  const on = Buffer.from([1, 0, 0, 0]);
  checked(setsockopt(fd, LINUX.SOL_NETLINK, LINUX.GET_STRICT_CHK, on, on.length), 'setsockopt of netlink');
}

/** struct sockaddr_nl: port 0, which is the kernel, or in `bind` one of the kernel's choice. */
function addressOf(groups: number): Buffer {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(LINUX.AF_NETLINK, 0);
  address.writeUInt32LE(groups, 8);
  return address;
}

/**
 * Sends the messages as one, and returns what the kernel answers. Throws UNSUPPORTED where this process may not ask, and KERNEL
 * with `asked`, for people, when the kernel refuses one of them; the others are not done then, if they are a batch.
 */
export function askKernel(fd: number, messages: readonly Message[], asked: string): Answer[] {
  const request = Buffer.concat(messages.map(encoded));
  checked(send(fd, request, request.length, 0), `send to ${asked}`);
  const answers: Answer[] = [];
  for (;;) {
    for (const { type, flags, body } of receive(fd, asked)) {
      if (isLast(type, body, asked)) return answers;
      answers.push({ type, body: Buffer.from(body) });
      if ((flags & NLM_F_MULTI) === 0) return answers;
    }
  }
}

/**
 * Asks for a list, and calls `take` with each of its messages, whose body is to be decoded at once. The kernel may wait for a
 * lock that others hold for long, as that of all devices: the daemon goes on meanwhile. Resolves to false when something came or
 * went in the midst of it, and the list may lack what is there. Throws KERNEL.
 */
export async function dumpKernel(
  fd: number,
  message: Message,
  asked: string,
  take: (body: Buffer) => void,
): Promise<boolean> {
  // Used until the end, so that it is there as long as a thread may read it: koffi does not see to that.
  const buffer = Buffer.allocUnsafe(MOST_BYTES);
  const size = encoded({ ...message, flags: NLM_F.DUMP }).copy(buffer);
  if ((await sendLater(fd, buffer, size, 0)) < 0) throw refused(asked);
  let isWhole = true;
  for (;;) {
    const length = await recvLater(fd, buffer, buffer.length, LINUX.MSG_DONTWAIT);
    if (length < 0) throw refused(asked);
    for (const { type, flags, body } of messagesIn(buffer.subarray(0, length))) {
      if ((flags & NLM_F_DUMP_INTR) !== 0) isWhole = false;
      if (isLast(type, body, asked)) return isWhole;
      take(body);
    }
  }
}

/** What waits in a socket for somebody to read it, at most 64 kB. Throws KERNEL when nothing does, or some of it was lost. */
export function receiveWaiting(fd: number, asked: string): Answer[] {
  return [...receive(fd, asked)].map(({ type, body }) => ({ type, body: Buffer.from(body) }));
}

/** With MSG_DONTWAIT, so that a kernel that does not answer at once cannot hold the daemon. */
function receive(fd: number, asked: string): Iterable<Received> {
  const length = checked(recv(fd, received, received.length, LINUX.MSG_DONTWAIT), `recv from ${asked}`);
  return messagesIn(received.subarray(0, length));
}

interface Received {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
}

function* messagesIn(bytes: Buffer): Iterable<Received> {
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const size = bytes.readUInt32LE(at);
    if (size < HEADER) return;
    const body = bytes.subarray(at + HEADER, at + size);
    yield { type: bytes.readUInt16LE(at + 4), flags: bytes.readUInt16LE(at + 6), body };
    at += padded(size);
  }
}

/**
 * Whether an answer ends with this message. Throws for the negative errno in it, which the end of a list has as well: what
 * came before is not all then.
 */
function isLast(type: number, body: Buffer, asked: string): boolean {
  if (type !== NLMSG_DONE && type !== NLMSG_ERROR) return false;
  const code = body.length < 4 ? 0 : body.readInt32LE(0);
  if (code === 0) return true;
  const errno = getSystemErrorName(code);
  throw new XnetError('KERNEL', `the kernel refused ${asked}: ${errno}`, { asked, errno });
}

/** A thread of the pool keeps its errno to itself. */
function refused(asked: string): XnetError {
  return new XnetError('KERNEL', `the kernel refused ${asked}`, { asked });
}

function encoded({ type, flags = 0, header, attributes = [] }: Message): Buffer {
  const start = Buffer.alloc(HEADER);
  const body = Buffer.concat([header, ...attributes]);
  start.writeUInt32LE(HEADER + body.length, 0);
  start.writeUInt16LE(type, 4);
  start.writeUInt16LE(flags | NLM_F.REQUEST, 6);
  return Buffer.concat([start, body]);
}

/** Messages and attributes begin at multiples of 4. */
function padded(length: number): number {
  return (length + 3) & ~3;
}
