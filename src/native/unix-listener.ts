/**
 * Listening unix sockets as bare descriptors. Node's own `listen(path)` unlinks the path when the server is
 * closed; one made here stays until it is unlinked by whoever wants it gone.
 */
import { closeSync } from 'node:fs';
import { XnetError } from '../errors.js';
import { BACKLOG } from './backlog.js';
import { bind, getsockname, LINUX, lastErrno, listen, socket } from './socket-libc.js';

const AF_UNIX = 1;
/** sizeof(sockaddr_un): a family of 2 bytes in the machine's order, a path of 108. */
const ADDRESS_BYTES = 110;
const FAMILY = Buffer.from(new Uint16Array([AF_UNIX]).buffer);

/** Binds `path`, which must not exist, with mode 0600 from its first moment, and listens. Synchronous. */
export function listenUnix(path: string): number {
  const bytes = Buffer.from(`${path}\0`);
  if (bytes.length > ADDRESS_BYTES - FAMILY.length) {
    throw new XnetError('INVALID', `socket path ${path} is longer than ${ADDRESS_BYTES - 3} bytes`);
  }
  const address = Buffer.concat([FAMILY, bytes]);
  const { SOCK_STREAM, SOCK_CLOEXEC, SOCK_NONBLOCK } = LINUX;
  const fd = checked('socket', path, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const umask = process.umask(0o177);
  try {
    checked('bind', path, bind(fd, address, address.length));
    checked('listen', path, listen(fd, BACKLOG));
    return fd;
  } catch (error: unknown) {
    closeSync(fd);
    throw error;
  } finally {
    process.umask(umask);
  }
}

/** The path that a unix socket was bound to; undefined for any other descriptor. */
export function findSocketPath(fd: number): string | undefined {
  const address = Buffer.alloc(ADDRESS_BYTES);
  if (getsockname(fd, address, [ADDRESS_BYTES]) !== 0) return undefined;
  const end = address.indexOf(0, FAMILY.length);
  const path = address.toString('utf8', FAMILY.length, end < 0 ? ADDRESS_BYTES : end);
  return address.subarray(0, FAMILY.length).equals(FAMILY) && path !== '' ? path : undefined;
}

function checked(call: string, path: string, result: number): number {
  if (result >= 0) return result;
  const errno = lastErrno();
  const code = errno === 'EADDRINUSE' ? 'IN_USE' : 'KERNEL';
  throw new XnetError(code, `cannot listen on ${path}: ${call} failed: ${errno}`, { path });
}
