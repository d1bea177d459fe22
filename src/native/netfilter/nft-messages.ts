/** Messages of nftables, and changes that are made whole or not at all. Numbers are from linux/netfilter/nf_tables.h and nfnetlink.h. */
import { attributesOf, NLM_F } from '../netlink/netlink.js';
import { askNetfilter, type NetfilterMessage } from './netfilter.js';

/** NFNL_SUBSYS_NFTABLES */
const SUBSYSTEM = 10;
const BATCH_BEGIN = { type: 16, resource: SUBSYSTEM } as const;
const BATCH_END = { type: 17, resource: SUBSYSTEM } as const;

/** NFT_MSG_... */
export const NFT = {
  NEW_TABLE: message(0),
  GET_TABLE: message(1),
  NEW_CHAIN: message(3),
  GET_CHAIN: message(4),
  NEW_RULE: message(6),
  GET_RULE: message(7),
  DELETE_RULE: message(8),
  GET_SET: message(10),
  NEW_ELEMENTS: message(12),
  GET_ELEMENTS: message(13),
  DELETE_ELEMENTS: message(14),
  NEW_GENERATION: message(15),
  NEW_OBJECT: message(18),
  GET_OBJECT: message(19),
} as const;

/** NFPROTO_... */
export const FAMILIES = { inet: 1, ip: 2, netdev: 5, bridge: 7 } as const;
export type Family = keyof typeof FAMILIES;

/** In one transaction, or nothing: throws as `askNetfilter`. The messages may be of several families. */
export function changeNftables(
  path: string | undefined,
  messages: readonly (NetfilterMessage & { readonly family: number })[],
  asked: string,
): void {
  // The kernel answers with what failed, and then, if the last message asks for it, with success.
  const batch = messages.map((each, i) => ({
    ...each,
    flags: (each.flags ?? 0) | (i === messages.length - 1 ? NLM_F.ACK : 0),
  }));
  askNetfilter(path, [BATCH_BEGIN, ...batch, BATCH_END], asked);
}

/** The value of the first attribute of this type. */
export function valueIn(attributes: Buffer, wanted: number): Buffer | undefined {
  for (const { type, value } of attributesOf(attributes)) if (type === wanted) return value;
  return undefined;
}

function message(number: number): number {
  return (SUBSYSTEM << 8) | number;
}
