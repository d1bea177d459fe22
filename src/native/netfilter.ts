/**
 * Two requests to a sandbox's netfilter over netlink. Each takes a fraction of a millisecond and throws NOT_FOUND when no
 * namespace is at the path, KERNEL or UNSUPPORTED.
 */
import { closeSync } from 'node:fs';
import { checked, LINUX, recv, send, socket } from './socket-libc.js';
import { inNamespace } from './socket-namespace.js';

/** linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h, nf_tables.h and linux/netlink.h */
const CT_DELETE = (1 << 8) | 2;
const NFT_NEWGEN = (10 << 8) | 15;
const NFT_GETGEN = (10 << 8) | 16;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const CTA_MARK = 8;
const CTA_MARK_MASK = 21;
const NFTA_GEN_ID = 1;
/** The netlink header, and nfgenmsg after it. */
const HEADERS = 16 + 4;
const ATTRIBUTE = 8;

/**
 * Deletes every tracked connection with this connection mark in the namespace at `path`; those with other marks stay. The
 * kernel sends what belongs to a tracked connection to where it went first, whatever the rules are now: a client that
 * keeps one UDP socket for all its queries would keep asking a port that nobody serves any more.
 */
export function forgetConnections(path: string, mark: number): void {
  const request = message(CT_DELETE, NLM_F_REQUEST | NLM_F_ACK, 2);
  writeAttribute(request, HEADERS, CTA_MARK, mark);
  writeAttribute(request, HEADERS + ATTRIBUTE, CTA_MARK_MASK, 0xffffffff);
  ask(path, request, 'conntrack');
}

/**
 * The generation of the sandbox's nftables. The kernel counts every change of the ruleset: rules that were seen at a
 * generation are the same for as long as that is. Undefined: the kernel gives none.
 */
export function rulesetGeneration(path: string): number | undefined {
  const answer = ask(path, message(NFT_GETGEN, NLM_F_REQUEST, 0), 'nf_tables');
  if (answer.length < HEADERS + ATTRIBUTE || answer.readUInt16LE(4) !== NFT_NEWGEN) return undefined;
  return answer.readUInt16LE(HEADERS + 2) === NFTA_GEN_ID ? answer.readUInt32BE(HEADERS + 4) : undefined;
}

/** `to`: for the text of a failure. */
function ask(path: string, request: Buffer, to: string): Buffer {
  return inNamespace(path, () => {
    const type = LINUX.SOCK_RAW | LINUX.SOCK_CLOEXEC;
    const fd = checked(socket(LINUX.AF_NETLINK, type, LINUX.NETLINK_NETFILTER), 'socket');
    try {
      checked(send(fd, request, request.length, 0), `send to ${to}`);
      // Netlink does the work within send: the answer is there, so this never waits.
      const answer = Buffer.alloc(256);
      return answer.subarray(0, checked(recv(fd, answer, answer.length, 0), `recv from ${to}`));
    } finally {
      closeSync(fd);
    }
  });
}

/** nfgenmsg is all zero: any family. */
function message(type: number, flags: number, attributes: number): Buffer {
  const bytes = Buffer.alloc(HEADERS + attributes * ATTRIBUTE);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  return bytes;
}

function writeAttribute(request: Buffer, offset: number, type: number, value: number): void {
  request.writeUInt16LE(ATTRIBUTE, offset);
  request.writeUInt16LE(type, offset + 2);
  request.writeUInt32BE(value >>> 0, offset + 4);
}
