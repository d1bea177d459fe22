/**
 * Requests to the netfilter of a network namespace over netlink. Each takes a fraction of a millisecond, and throws what
 * `openNetlink` and `askKernel` do. The numbers in netfilter's attributes are in the network's byte order.
 */
import { closeSync } from 'node:fs';
import { isXnetError } from '../../errors.js';
import { askKernel, attribute, attributesOf, type Message, NLM_F, openNetlink } from '../netlink/netlink.js';
import { LINUX } from '../socket-libc.js';

/** linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h and nf_tables.h */
const CT_DELETE = (1 << 8) | 2;
const NFT_GETGEN = (10 << 8) | 16;
const CTA_MARK = 8;
const CTA_MARK_MASK = 21;
const NFTA_GEN_ID = 1;

/** Of nfgenmsg. */
const HEADER = 4;

export interface NetfilterMessage extends Omit<Message, 'header'> {
  /** AF_INET, ...; absent: any. */
  readonly family?: number;
  readonly resource?: number;
}

/** A message that netfilter sent, without its headers. */
export interface NetfilterAnswer {
  readonly type: number;
  readonly attributes: Buffer;
}

/** Without NLA_F_NESTED, which nftables neither needs nor writes. */
export function nested(type: number, attributes: readonly Buffer[]): Buffer {
  return attribute(type, Buffer.concat(attributes));
}

export function number32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return attribute(type, bytes);
}

export function text(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`));
}

/** As `askKernel`, in the namespace at `path`; undefined: this process's own. */
export function askNetfilter(
  path: string | undefined,
  messages: readonly NetfilterMessage[],
  asked: string,
): NetfilterAnswer[] {
  return withNetfilter(path, (ask) => ask(messages, asked));
}

export type AskNetfilter = (messages: readonly NetfilterMessage[], asked: string) => NetfilterAnswer[];

/** Several questions through one socket: entering the namespace costs more than asking. */
export function withNetfilter<T>(path: string | undefined, work: (ask: AskNetfilter) => T): T {
  const fd = openNetfilter(path);
  try {
    return work((messages, asked) => askThrough(fd, messages, asked));
  } finally {
    closeSync(fd);
  }
}

/**
 * Deletes every tracked connection with this connection mark in the namespace at `path`; those with other marks stay. The
 * kernel sends what belongs to a tracked connection to where it went first, whatever the rules are now: a client that
 * keeps one UDP socket for all its queries would keep asking a port that nobody serves any more.
 */
export function forgetConnections(path: string, mark: number): void {
  const attributes = [number32(CTA_MARK, mark), number32(CTA_MARK_MASK, -1)];
  askNetfilter(path, [{ type: CT_DELETE, flags: NLM_F.ACK, attributes }], 'conntrack in a sandbox');
}

/**
 * The generation of a namespace's nftables. The kernel counts every change of the ruleset: rules that were seen at a
 * generation are the same for as long as that is. The socket stays open, since entering the namespace costs more than asking.
 */
export class RulesetGeneration implements Disposable {
  readonly #fd: number;

  /** Throws NOT_FOUND when no namespace is at the path; undefined: this process's own. */
  constructor(path: string | undefined) {
    this.#fd = openNetfilter(path);
  }

  /** Undefined: the kernel gives none. */
  read(): number | undefined {
    try {
      const [answer] = askThrough(this.#fd, [{ type: NFT_GETGEN }], 'nf_tables');
      const found = answer && [...attributesOf(answer.attributes)].find(({ type }) => type === NFTA_GEN_ID);
      return found?.value.readUInt32BE();
    } catch (error: unknown) {
      if (isXnetError(error)) return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function openNetfilter(path: string | undefined): number {
  return openNetlink(LINUX.NETLINK_NETFILTER, path);
}

function askThrough(fd: number, messages: readonly NetfilterMessage[], asked: string): NetfilterAnswer[] {
  const answers = askKernel(fd, messages.map(withHeader), asked);
  return answers.map(({ type, body }) => ({ type, attributes: body.subarray(HEADER) }));
}

function withHeader({ family = 0, resource = 0, ...message }: NetfilterMessage): Message {
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(family, 0);
  header.writeUInt16BE(resource, 2);
  return { ...message, header };
}
