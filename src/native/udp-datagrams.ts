/** Datagrams of a UDP socket over IPv4 that stay in it until they are dropped. Synchronous, never blocks. */
import { LINUX, recv, recvfrom, sendto } from './socket-libc.js';

/** Whom a datagram came from, as the kernel writes it (struct sockaddr_in). */
export type SocketAddress = Buffer;

export interface Datagram {
  readonly message: Buffer;
  readonly sender: SocketAddress;
}

const ADDRESS_BYTES = 16;
/** Longer ones there are none. */
const message = Buffer.alloc(0xffff);
const address = Buffer.alloc(ADDRESS_BYTES);
const addressLength = Buffer.from(new Uint32Array([ADDRESS_BYTES]).buffer);

/** The one that has waited longest; undefined when none waits, or the socket had an error, which is gone by this. */
export function peekDatagram(fd: number): Datagram | undefined {
  const flags = LINUX.MSG_PEEK | LINUX.MSG_DONTWAIT;
  const length = recvfrom(fd, message, message.length, flags, address, addressLength);
  if (length < 0) return undefined;
  return { message: Buffer.from(message.subarray(0, length)), sender: Buffer.from(address) };
}

/** Takes the one that was peeked at off the socket. */
export function dropDatagram(fd: number): void {
  recv(fd, message, 0, LINUX.MSG_DONTWAIT);
}

/** False when it was not sent: a firewall forbids it, or the socket is full of what was sent before. */
export function sendDatagram(fd: number, content: Buffer, to: SocketAddress): boolean {
  return sendto(fd, content, content.length, LINUX.MSG_DONTWAIT, to, ADDRESS_BYTES) >= 0;
}
