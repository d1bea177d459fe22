/**
 * Forgetting the sandbox's tracked connections that were redirected to us. The kernel goes on sending what
 * belongs to a tracked connection to where it went first, whatever the rules say now: a client that keeps one
 * UDP socket for all its queries would keep asking a port that nobody serves any more.
 */
import { closeSync } from 'node:fs';
import { checked, LINUX, recv, send, socket } from './socket-libc.js';
import { inNamespace } from './socket-namespace.js';

/** linux/netfilter/nfnetlink{,_conntrack}.h and linux/netlink.h */
const CT_DELETE = (1 << 8) | 2;
const NLM_F_REQUEST_ACK = 1 | 4;
const CTA_MARK = 8;
const CTA_MARK_MASK = 21;

/**
 * Deletes every tracked connection with this connection mark in the namespace at `path`. Connections with
 * other marks are not touched. Throws NOT_FOUND, KERNEL, UNSUPPORTED.
 */
export function forgetConnections(path: string, mark: number): void {
  inNamespace(path, () => {
    const type = LINUX.SOCK_RAW | LINUX.SOCK_CLOEXEC;
    const fd = checked(socket(LINUX.AF_NETLINK, type, LINUX.NETLINK_NETFILTER), 'socket');
    try {
      const request = deleteRequest(mark);
      checked(send(fd, request, request.length, 0), 'send to conntrack');
      // Netlink does the work within send: the answer is there, so that this never waits.
      const answer = Buffer.alloc(256);
      checked(recv(fd, answer, answer.length, 0), 'recv from conntrack');
      return undefined;
    } finally {
      closeSync(fd);
    }
  });
}

/** One netlink message: header (16 bytes), nfgenmsg (4, all zero: any family), two attributes of 8. */
function deleteRequest(mark: number): Buffer {
  const message = Buffer.alloc(36);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(CT_DELETE, 4);
  message.writeUInt16LE(NLM_F_REQUEST_ACK, 6);
  writeAttribute(message, 20, CTA_MARK, mark);
  writeAttribute(message, 28, CTA_MARK_MASK, 0xffffffff);
  return message;
}

function writeAttribute(message: Buffer, offset: number, type: number, value: number): void {
  message.writeUInt16LE(8, offset);
  message.writeUInt16LE(type, offset + 2);
  message.writeUInt32BE(value >>> 0, offset + 4);
}
