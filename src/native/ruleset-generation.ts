/**
 * The generation of a sandbox's nftables: the kernel counts every change of the ruleset, so that whoever has seen the
 * rules at a generation need not look at them again while it is the same. A look starts two programs; this is a
 * fraction of a millisecond.
 */
import { closeSync } from 'node:fs';
import { checked, LINUX, recv, send, socket } from './socket-libc.js';
import { inNamespace } from './socket-namespace.js';

/** linux/netfilter/nfnetlink.h, nf_tables.h and linux/netlink.h */
const NFT_GETGEN = (10 << 8) | 16;
const NFT_NEWGEN = (10 << 8) | 15;
const NLM_F_REQUEST = 1;
const NFTA_GEN_ID = 1;
/** Of the netlink header, and of nfgenmsg after it. */
const HEADERS = 16 + 4;

/** Undefined: the kernel does not tell. Throws NOT_FOUND when no namespace is at `path`, KERNEL, UNSUPPORTED. */
export function rulesetGeneration(path: string): number | undefined {
  const answer = inNamespace(path, () => {
    const type = LINUX.SOCK_RAW | LINUX.SOCK_CLOEXEC;
    const fd = checked(socket(LINUX.AF_NETLINK, type, LINUX.NETLINK_NETFILTER), 'socket');
    try {
      const request = generationRequest();
      checked(send(fd, request, request.length, 0), 'send to nf_tables');
      // Netlink does the work within send: the answer is there, so that this never waits.
      const buffer = Buffer.alloc(256);
      return buffer.subarray(0, checked(recv(fd, buffer, buffer.length, 0), 'recv from nf_tables'));
    } finally {
      closeSync(fd);
    }
  });
  return parseGeneration(answer);
}

function generationRequest(): Buffer {
  const message = Buffer.alloc(HEADERS);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(NFT_GETGEN, 4);
  message.writeUInt16LE(NLM_F_REQUEST, 6);
  return message;
}

/** The first attribute of the answer; whatever else comes is a refusal. */
function parseGeneration(message: Buffer): number | undefined {
  if (message.length < HEADERS + 8 || message.readUInt16LE(4) !== NFT_NEWGEN) return undefined;
  return message.readUInt16LE(HEADERS + 2) === NFTA_GEN_ID ? message.readUInt32BE(HEADERS + 4) : undefined;
}
