/** Sends single packets from a network namespace, as a program in it would: by its routes, past its firewall. */
import { closeSync } from 'node:fs';
import { IpAddress } from '../../inet/ip-address.js';
import { bind, checked, connect, LINUX, lastErrno, sendto, socket } from '../socket-libc.js';
import { inNamespace } from '../socket-namespace.js';

export interface ProbePacket {
  readonly protocol: 'icmp' | 'tcp' | 'udp';
  readonly destination: string;
  /** Identifier of the echo request, or the client's port. */
  readonly id: number;
  /** The server's port. */
  readonly port?: number | undefined;
}

const AF_INET6 = 10;
const ICMP = 1;
const ICMP6 = 58;
const ECHO_REQUEST = { 4: 8, 6: 128 } as const;
const TEXT = Buffer.from('xnet trace\n');

/**
 * A socket by which the packets of a probe are sent. Of TCP it sends one SYN, which the kernel repeats for as long as the socket is
 * open. Synchronous; a fraction of a millisecond each.
 */
export class ProbeSocket implements Disposable {
  readonly #fd: number;
  readonly #family: 4 | 6;
  #sent = 0;

  /** `path`: undefined for this process's own namespace. Throws NOT_FOUND, IN_USE (the client's port is taken), UNSUPPORTED, KERNEL. */
  constructor(
    path: string | undefined,
    private readonly packet: ProbePacket,
  ) {
    this.#family = IpAddress.parse(packet.destination).family;
    const open = () => openSocket(packet, this.#family);
    this.#fd = path === undefined ? open() : inNamespace(path, open);
  }

  /** Returns the kernel's reason, such as EPERM of a firewall or ENETUNREACH, when it does not send it. */
  send(): string | undefined {
    const { protocol, destination, id, port = 0 } = this.packet;
    this.#sent += 1;
    if (protocol === 'tcp') return this.#sent > 1 ? undefined : this.#connect();
    const data = protocol === 'udp' ? TEXT : echoRequest(this.#family, id, this.#sent);
    const to = addressOf(destination, protocol === 'udp' ? port : 0);
    const result = sendto(this.#fd, data, data.length, LINUX.MSG_DONTWAIT, to, to.length);
    return result < 0 ? lastErrno() : undefined;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #connect(): string | undefined {
    const to = addressOf(this.packet.destination, this.packet.port ?? 0);
    if (connect(this.#fd, to, to.length) === 0) return undefined;
    const errno = lastErrno();
    return errno === 'EINPROGRESS' ? undefined : errno;
  }
}

function openSocket({ protocol, id }: ProbePacket, family: 4 | 6): number {
  const types = { icmp: LINUX.SOCK_RAW, tcp: LINUX.SOCK_STREAM, udp: LINUX.SOCK_DGRAM };
  const type = types[protocol] | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK;
  const number = protocol !== 'icmp' ? 0 : family === 4 ? ICMP : ICMP6;
  const fd = checked(socket(family === 4 ? LINUX.AF_INET : AF_INET6, type, number), 'a socket of the probe');
  try {
    if (protocol !== 'icmp') {
      const own = addressOf(family === 4 ? '0.0.0.0' : '::', id);
      checked(bind(fd, own, own.length), `bind to port ${id}`);
    }
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** struct sockaddr_in, sockaddr_in6. */
function addressOf(text: string, port: number): Buffer {
  const { family, value } = IpAddress.parse(text);
  const bytes = Buffer.alloc(family === 4 ? 16 : 28);
  bytes.writeUInt16LE(family === 4 ? LINUX.AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  if (family === 4) bytes.writeUInt32BE(Number(value), 4);
  else bytes.write(value.toString(16).padStart(32, '0'), 8, 'hex');
  return bytes;
}

/** The kernel computes the checksum of ICMPv6 itself (RFC 3542, section 3.1). */
function echoRequest(family: 4 | 6, id: number, sequence: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(ECHO_REQUEST[family], 0);
  header.writeUInt16BE(id, 4);
  header.writeUInt16BE(sequence, 6);
  const message = Buffer.concat([header, TEXT, Buffer.alloc(TEXT.length % 2)]);
  if (family === 4) message.writeUInt16BE(checksum(message), 2);
  return message;
}

/** RFC 1071, of an even number of bytes. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
