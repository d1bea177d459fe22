/**
 * Raw ICMP sockets (raw(7), icmp(7), RFC 792 and RFC 4443) that send echo requests and receive them and their answers. Each
 * function is synchronous and never waits. Needs CAP_NET_RAW. The kernel of the other side answers, so no process has to.
 */
import { closeSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { ipBytes, ipText } from '../netlink/texts.js';
import { bind, checked, LINUX, recvfrom, sendto, setsockopt, socket } from '../socket-libc.js';
import { inNamespace } from '../socket-namespace.js';

export interface Echo {
  readonly isAnswer: boolean;
  /** Whom the packet came from. */
  readonly from: string;
  /** Of the process that sent the request: 16 bits. */
  readonly id: number;
  /** 16 bits. */
  readonly sequence: number;
}

/** What differs between the families. Numbers are those of linux/in.h, in6.h, icmp.h and icmpv6.h. */
interface Kind {
  readonly family: number;
  readonly protocol: number;
  readonly request: number;
  readonly answer: number;
  /** Of the address in sockaddr_in and sockaddr_in6, and the length of these. */
  readonly addressAt: number;
  readonly addressBytes: number;
  /** Bytes of the IP header. */
  readonly header: number;
  readonly options: readonly SocketOption[];
  /** The types that are received. */
  readonly filter: (types: readonly number[]) => SocketOption;
}

type SocketOption = readonly [level: number, name: number, value: Buffer];

const V4: Kind = {
  ...{ family: LINUX.AF_INET, protocol: 1, request: 8, answer: 0 },
  ...{ addressAt: 4, addressBytes: 16, header: 20 },
  options: [
    // IP_MTU_DISCOVER, IP_PMTUDISC_PROBE: "don't fragment", whatever MTU of the path is remembered.
    [0, 10, int(3)],
  ],
  // SOL_RAW, ICMP_FILTER: a bit for each type that is not received.
  filter: (types) => [255, 1, int(types.reduce((mask, type) => mask & ~(1 << type), ~0))],
};
const V6: Kind = {
  ...{ family: 10, protocol: 58, request: 128, answer: 129 },
  ...{ addressAt: 8, addressBytes: 28, header: 40 },
  options: [
    // IPV6_MTU_DISCOVER, as above, and IPV6_DONTFRAG.
    [41, 23, int(3)],
    [41, 62, int(1)],
  ],
  // SOL_ICMPV6, ICMPV6_FILTER: the same for 256 types.
  filter: (types) => {
    const mask = Buffer.alloc(32, 0xff);
    for (const type of types) mask[type >> 3] = (mask[type >> 3] ?? 0) & ~(1 << (type & 7));
    return [58, 1, mask];
  },
};

const ICMP_HEADER = 8;
/** The largest IP packet. */
const MOST_BYTES = 0xffff;
/** For answers that come while the process has no turn: some 800 large ones. The kernel takes memory for those that are there. */
const RECEIVE_BUFFER = 1 << 21;
/** What is sent; all but the first bytes stays zero. */
const content = Buffer.alloc(MOST_BYTES);
const received = Buffer.alloc(MOST_BYTES);
const address = Buffer.alloc(V6.addressBytes);
const addressLength = Buffer.alloc(4);

/**
 * A socket in the namespace at `path` (undefined: this process's own), of the family of `own`, whose address it sends from.
 * Whoever opens it closes it; while it is open the namespace lives. Throws NOT_FOUND, UNSUPPORTED (no CAP_NET_RAW) and KERNEL.
 */
export function openEchoSocket(path: string | undefined, own: string): number {
  const open = () => {
    const { family, protocol, options, filter, answer } = kindOf(own);
    const type = LINUX.SOCK_RAW | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK;
    const fd = checked(socket(family, type, protocol), 'a raw ICMP socket (give xnet CAP_NET_RAW)');
    try {
      for (const option of [...options, filter([answer])]) setOption(fd, option);
      setOption(fd, [LINUX.SOL_SOCKET, LINUX.SO_RCVBUFFORCE, int(RECEIVE_BUFFER)]);
      const from = addressOf(own);
      checked(bind(fd, from, from.length), `bind to ${own}`);
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  };
  return path === undefined ? open() : inNamespace(path, open);
}

/** Whether requests of others are received, too; else it is answers alone, and nobody is woken for the others. */
export function receiveRequests(fd: number, own: string, isWanted: boolean): void {
  const { filter, request, answer } = kindOf(own);
  setOption(fd, filter(isWanted ? [answer, request] : [answer]));
}

/**
 * Sends a request as a packet of `bytes`, with its IP header; it is never fragmented. False: it was not sent, as it is larger than
 * the MTU of its interface, or there is no way.
 */
export function sendEcho(
  fd: number,
  to: string,
  { id, sequence, bytes }: { readonly id: number; readonly sequence: number; readonly bytes: number },
): boolean {
  const { request, header } = kindOf(to);
  const length = Math.max(ICMP_HEADER, Math.min(bytes, MOST_BYTES) - header);
  content.writeUInt16BE(request << 8, 0);
  content.writeUInt16BE(id, 4);
  content.writeUInt16BE(sequence, 6);
  // Of ICMPv6 the kernel fills it in (RFC 3542, section 3.1). All that follows is zero.
  content.writeUInt16BE(checksum(request << 8, id, sequence), 2);
  const target = addressOf(to);
  return sendto(fd, content, length, LINUX.MSG_DONTWAIT, target, target.length) >= 0;
}

/** The next echo that waits in a socket of the family of `own`; undefined: none does. */
export function receiveEcho(fd: number, own: string): Echo | undefined {
  const kind = kindOf(own);
  for (;;) {
    addressLength.writeUInt32LE(address.length);
    const length = recvfrom(fd, received, received.length, LINUX.MSG_DONTWAIT, address, addressLength);
    if (length < 0) return undefined;
    // An IPv4 header comes with the packet, an IPv6 header does not (raw(7), ipv6(7)).
    const start = kind === V4 ? (received.readUInt8(0) & 0xf) * 4 : 0;
    const type = received.readUInt8(start);
    if (length < start + ICMP_HEADER || (type !== kind.request && type !== kind.answer)) continue;
    return {
      isAnswer: type === kind.answer,
      from: ipText(address.subarray(kind.addressAt, kind.addressAt + (kind === V4 ? 4 : 16))),
      id: received.readUInt16BE(start + 4),
      sequence: received.readUInt16BE(start + 6),
    };
  }
}

function kindOf(own: string): Kind {
  return isIPv6(own) ? V6 : V4;
}

function addressOf(text: string): Buffer {
  const { family, addressAt, addressBytes } = kindOf(text);
  const bytes = Buffer.alloc(addressBytes);
  bytes.writeUInt16LE(family, 0);
  bytes.set(ipBytes(text), addressAt);
  return bytes;
}

/** RFC 1071, of words of 16 bits. */
function checksum(...words: readonly number[]): number {
  // The carry is added at each step: added once at the end it may carry again.
  const sum = words.reduce((total, word) => fold(total + word), 0);
  return ~sum & 0xffff;
}

function fold(sum: number): number {
  return (sum & 0xffff) + (sum >>> 16);
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function setOption(fd: number, [level, name, value]: SocketOption): void {
  checked(setsockopt(fd, level, name, value, value.length), `setsockopt ${name} of a raw socket`);
}
