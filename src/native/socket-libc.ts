/**
 * src/native: the few system calls that Node.js does not have, through koffi, which nothing else imports. Here are those of
 * sockets, and what their errors mean.
 *
 * Each function is synchronous, takes a fraction of a millisecond, and leaves no descriptor open when it throws. Not in
 * here: decisions, DNS, retries; anything that Node's own modules can do.
 */
import { promisify } from 'node:util';
import koffi from 'koffi';
import { XnetError } from '../errors.js';

const libc = koffi.load(null);

export const setns = libc.func('int setns(int fd, int nstype)') as (fd: number, type: number) => number;
export const socket = libc.func('int socket(int domain, int type, int protocol)') as (
  domain: number,
  type: number,
  protocol: number,
) => number;
export const bind = libc.func('int bind(int fd, const uint8_t *address, unsigned int length)') as AddressCall;
export const connect = libc.func(
  'int connect(int fd, const uint8_t *address, unsigned int length)',
) as AddressCall;
export const listen = libc.func('int listen(int fd, int backlog)') as (fd: number, backlog: number) => number;
const setsockoptFunction = libc.func(
  'int setsockopt(int fd, int level, int name, const uint8_t *value, unsigned int length)',
);
export const setsockopt = setsockoptFunction as OptionCall<number>;
export const getsockopt = libc.func(
  'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)',
) as (fd: number, level: number, name: number, value: Buffer, length: [number]) => number;
export const ifNameToIndex = libc.func('unsigned int if_nametoindex(const char *name)') as (
  name: string,
) => number;
export const getsockname = libc.func(
  'int getsockname(int fd, _Out_ uint8_t *address, _Inout_ uint32_t *length)',
) as (fd: number, address: Buffer, length: [number]) => number;
const sendFunction = libc.func('long send(int fd, const uint8_t *data, size_t length, int flags)');
export const send = sendFunction as DataCall;
/** Buffers of these three are passed as plain pointers: the kernel writes into them, and nothing is allocated for a call. */
const recvFunction = libc.func('long recv(int fd, uint8_t *data, size_t length, int flags)');
export const recv = recvFunction as DataCall;
/** `message`: struct msghdr, with pointers in it. */
export const recvmsg = libc.func('long recvmsg(int fd, uint8_t *message, int flags)') as (
  fd: number,
  message: Buffer,
  flags: number,
) => number;
export const recvfrom = libc.func(
  'long recvfrom(int fd, uint8_t *data, size_t length, int flags, uint8_t *address, uint8_t *addressLength)',
) as AddressedCall<Buffer>;
export const sendto = libc.func(
  'long sendto(int fd, const uint8_t *data, size_t length, int flags, const uint8_t *address, unsigned int addressLength)',
) as AddressedCall<number>;

type OptionCall<R> = (fd: number, level: number, name: number, value: Buffer, length: number) => R;
type AddressCall = (fd: number, address: Buffer, length: number) => number;
type DataCall = (fd: number, data: Buffer, length: number, flags: number) => number;
type AddressedCall<Length> = (...call: [...Parameters<DataCall>, address: Buffer, length: Length]) => number;

/** The same by a thread of Node's pool, for what may wait in the kernel; the buffer must not be used meanwhile. */
export const sendLater = promisify(sendFunction.async) as LaterDataCall;
export const recvLater = promisify(recvFunction.async) as LaterDataCall;
export const setsockoptLater = promisify(setsockoptFunction.async) as OptionCall<Promise<number>>;

type LaterDataCall = (...call: Parameters<DataCall>) => Promise<number>;

/** Linux's numbers (asm-generic; the same on x86-64 and arm64). */
export const LINUX = {
  CLONE_NEWNET: 0x40000000,
  AF_INET: 2,
  AF_NETLINK: 16,
  AF_PACKET: 17,
  NETLINK_ROUTE: 0,
  NETLINK_NETFILTER: 12,
  NETLINK_GENERIC: 16,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SOL_NETLINK: 270,
  GET_STRICT_CHK: 12,
  SOL_PACKET: 263,
  SO_RCVBUFFORCE: 33,
  SO_MARK: 36,
  MSG_PEEK: 0x02,
  MSG_DONTWAIT: 0x40,
} as const;

/**
 * Why the last call failed, such as `EADDRINUSE`. To be asked at once: errno is the thread's last. By koffi's table: Node's
 * lacks EINPROGRESS.
 */
export function lastErrno(): string {
  const code = koffi.errno();
  return Object.entries(koffi.os.errno).find(([, value]) => value === code)?.[0] ?? `errno ${code}`;
}

/** `result`, or the error of the call that returned it; to be used at once, too. */
export function checked(result: number, call: string): number {
  if (result >= 0) return result;
  const errno = lastErrno();
  throw new XnetError(failureCode(errno), `the kernel refused ${call}: ${errno}`, {
    call,
    errno,
  });
}

function failureCode(errno: string): 'IN_USE' | 'UNSUPPORTED' | 'KERNEL' {
  if (errno === 'EADDRINUSE') return 'IN_USE';
  return errno === 'EPERM' || errno === 'ENOSYS' ? 'UNSUPPORTED' : 'KERNEL';
}
