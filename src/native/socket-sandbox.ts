/**
 * The sockets of the sandbox resolver: made inside a container's network namespace, used from ours. Every
 * function is synchronous, takes a fraction of a millisecond, and leaves nothing open when it throws
 * (NOT_FOUND: the namespace is gone; IN_USE, UNSUPPORTED, KERNEL). Descriptors are close-on-exec and
 * non-blocking; whoever gets one closes it. An open one keeps the namespace, and its interfaces, alive.
 */
import { closeSync } from 'node:fs';
import { isXnetError } from '../errors.js';
import {
  bind,
  checked,
  connect as connectSocket,
  getsockname,
  LINUX,
  lastErrno,
  listen,
  setsockopt,
  socket,
} from './socket-libc.js';
import { inNamespace } from './socket-namespace.js';

/** Where Docker's resolver listens in every sandbox, and so do we. IPv6-only networks have it too. */
export const RESOLVER_ADDRESS = '127.0.0.11';
export const RESOLVER_PORT = 53;

/**
 * The mark (SO_MARK) of our own queries to Docker's resolver, by which the sandbox's rule lets them pass, and
 * of the connections that the rule redirects. "xnet" in ASCII.
 */
export const RESOLVER_MARK = 0x786e6574;

/** Bytes that may wait in a UDP socket, while the daemon is away too: some 1,300 small messages. */
const RECEIVE_BUFFER = 1 << 20;

const BACKLOG = 511;

/** Tries to find one port that is free for both UDP and TCP. */
const PORT_TRIES = 8;

/** A UDP and a listening TCP socket on 127.0.0.11 in the sandbox, on one free port where there is one. */
export function openSandboxSockets(sandboxPath: string): { udp: number; tcp: number } {
  return inNamespace(sandboxPath, () => {
    let udp = udpSocket();
    try {
      for (let tried = 1; ; tried++) {
        const tcp = tcpListener(tried < PORT_TRIES ? boundPort(udp) : 0);
        if (tcp !== undefined) return { udp, tcp };
        // Opened before the other is closed, so that the kernel gives another port.
        const next = udpSocket();
        closeSync(udp);
        udp = next;
      }
    } catch (error) {
      closeSync(udp);
      throw error;
    }
  });
}

/**
 * A UDP socket in the sandbox whose queries our rule lets pass, so that Docker's own rule takes them.
 *
 * Bound to the resolver's address, as no client is: the kernel remembers for 30 s whether what came from a port of
 * 127.0.0.1 went to us or to Docker, so a socket with a port that a client had would ask ourselves, and the other way
 * round.
 */
export function openForwardUdp(sandboxPath: string, mark = RESOLVER_MARK): number {
  return inNamespace(sandboxPath, () => udpSocket(mark));
}

/** A TCP socket in the sandbox, connecting to Docker's resolver past our rule; bound like that for UDP. */
export function openForwardTcp(sandboxPath: string, mark = RESOLVER_MARK): number {
  return inNamespace(sandboxPath, () =>
    makeSocket(LINUX.SOCK_STREAM, (fd) => {
      bindTo(fd, 0);
      setOption(fd, LINUX.SO_MARK, mark);
      const to = addressOf(RESOLVER_PORT);
      const result = connectSocket(fd, to, to.length);
      if (result !== 0 && lastErrno() !== 'EINPROGRESS') checked(result, 'connect');
    }),
  );
}

/** A UDP socket in the sandbox like that of a program in it: what it sends to the resolver meets all rules. */
export function openClientUdp(sandboxPath: string): number {
  // Not bound: see openForwardUdp.
  return inNamespace(sandboxPath, () => makeSocket(LINUX.SOCK_DGRAM, () => {}));
}

function udpSocket(mark?: number): number {
  return makeSocket(LINUX.SOCK_DGRAM, (fd) => {
    bindTo(fd, 0);
    if (mark !== undefined) setOption(fd, LINUX.SO_MARK, mark);
    setOption(fd, LINUX.SO_RCVBUFFORCE, RECEIVE_BUFFER);
  });
}

/** undefined when the port is taken. */
function tcpListener(port: number): number | undefined {
  try {
    return makeSocket(LINUX.SOCK_STREAM, (fd) => {
      bindTo(fd, port);
      checked(listen(fd, BACKLOG), 'listen');
    });
  } catch (error) {
    if (port !== 0 && isXnetError(error, 'IN_USE')) return undefined;
    throw error;
  }
}

function makeSocket(type: number, prepare: (fd: number) => void): number {
  const flags = type | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK;
  const fd = checked(socket(LINUX.AF_INET, flags, 0), 'socket');
  try {
    prepare(fd);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function setOption(fd: number, name: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value | 0);
  checked(setsockopt(fd, LINUX.SOL_SOCKET, name, bytes, bytes.length), 'setsockopt');
}

function bindTo(fd: number, port: number): void {
  const address = addressOf(port);
  checked(bind(fd, address, address.length), `bind to ${RESOLVER_ADDRESS}`);
}

/** The port that a socket is bound to. Throws KERNEL. */
export function boundPort(fd: number): number {
  const address = Buffer.alloc(16);
  checked(getsockname(fd, address, [address.length]), 'getsockname');
  return address.readUInt16BE(2);
}

/** struct sockaddr_in: the family in the machine's order (little-endian wherever Node 20 runs Linux but s390x). */
function addressOf(port: number): Buffer {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(LINUX.AF_INET, 0);
  address.writeUInt16BE(port, 2);
  address.set(RESOLVER_ADDRESS.split('.').map(Number), 4);
  return address;
}
