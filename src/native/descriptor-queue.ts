/**
 * Open descriptors in a queue of the kernel's (SCM_RIGHTS, unix(7)): what has been sent stays open, whatever happens
 * to the sender, until it is received or both ends of the queue are closed. Synchronous, never blocks.
 */
import koffi from 'koffi';
import { checked, failedWith, LINUX, setsockopt } from './socket-libc.js';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SO_SNDBUFFORCE = 32;
/** Bytes of the queue: each message takes about 1 KB of it. */
const QUEUE_BYTES = 8 << 20;
const LONGEST_NAME = 64;
/** struct cmsghdr with one int, padded to the size of a long (64 bits wherever koffi is used here). */
const CONTROL_BYTES = 24;
const HEADER_BYTES = 20;

const libc = koffi.load(null);
const iovec = koffi.struct('xnet_iovec', { base: 'uint8_t *', length: 'size_t' });
const msghdr = koffi.struct('xnet_msghdr', {
  name: 'void *',
  nameLength: 'uint32_t',
  iov: koffi.pointer(iovec),
  iovLength: 'size_t',
  control: 'uint8_t *',
  controlLength: 'size_t',
  flags: 'int',
});
const sendmsg = libc.func('sendmsg', 'long', ['int', koffi.pointer(msghdr), 'int']);
const recvmsg = libc.func('recvmsg', 'long', ['int', koffi.inout(koffi.pointer(msghdr)), 'int']);
const socketpair = libc.func('int socketpair(int domain, int type, int protocol, _Out_ int *fds)');

export interface DescriptorQueue {
  readonly sender: number;
  readonly receiver: number;
}

/** Both are the caller's to close. Throws KERNEL. */
export function openDescriptorQueue(): DescriptorQueue {
  const fds = [-1, -1];
  const type = SOCK_SEQPACKET | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK;
  checked(socketpair(AF_UNIX, type, 0, fds), 'socketpair');
  const [sender, receiver] = fds as [number, number];
  const size = Buffer.alloc(4);
  size.writeInt32LE(QUEUE_BYTES);
  setsockopt(sender, SOL_SOCKET, SO_SNDBUFFORCE, size, size.length);
  return { sender, receiver };
}

/** False when the queue is full or the descriptor is not open. `name`: 1 to 64 ASCII characters. */
export function sendDescriptor({ sender }: DescriptorQueue, name: string, fd: number): boolean {
  const control = Buffer.alloc(CONTROL_BYTES);
  control.writeBigUInt64LE(BigInt(HEADER_BYTES), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(fd, 16);
  return sendmsg(sender, message(Buffer.from(name), control), LINUX.MSG_DONTWAIT) > 0;
}

/** The oldest, open in this process and the caller's to close; undefined when the queue is empty. */
export function receiveDescriptor({ receiver }: DescriptorQueue): { name: string; fd: number } | undefined {
  const text = Buffer.alloc(LONGEST_NAME);
  const control = Buffer.alloc(CONTROL_BYTES);
  const length = recvmsg(receiver, message(text, control), LINUX.MSG_DONTWAIT | LINUX.MSG_CMSG_CLOEXEC);
  if (length < 0 && failedWith('EAGAIN')) return undefined;
  checked(length, 'recvmsg');
  return { name: text.toString('latin1', 0, length), fd: control.readInt32LE(16) };
}

function message(text: Buffer, control: Buffer): object {
  return {
    name: null,
    nameLength: 0,
    iov: [{ base: text, length: text.length }],
    iovLength: 1,
    control,
    controlLength: control.length,
    flags: 0,
  };
}
