/**
 * Requests to a sandbox's netfilter over netlink. Each takes a fraction of a millisecond, and throws what `askNetfilter` does.
 */
import { isXnetError } from '../errors.js';
import { askNetfilter, attributesOf, NLM_F, number32 } from './netlink.js';

/** linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h and nf_tables.h */
const CT_DELETE = (1 << 8) | 2;
const NFT_GETGEN = (10 << 8) | 16;
const CTA_MARK = 8;
const CTA_MARK_MASK = 21;
const NFTA_GEN_ID = 1;

/**
 * Deletes every tracked connection with this connection mark in the namespace at `path`; those with other marks stay. The
 * kernel sends what belongs to a tracked connection to where it went first, whatever the rules are now: a client that
 * keeps one UDP socket for all its queries would keep asking a port that nobody serves any more.
 */
export function forgetConnections(path: string, mark: number): void {
  const attributes = [number32(CTA_MARK, mark), number32(CTA_MARK_MASK, -1)];
  askNetfilter(path, [{ type: CT_DELETE, flags: NLM_F.ACK, attributes }], 'conntrack');
}

/**
 * The generation of the sandbox's nftables. The kernel counts every change of the ruleset: rules that were seen at a
 * generation are the same for as long as that is. Undefined: the kernel gives none.
 */
export function rulesetGeneration(path: string): number | undefined {
  try {
    const [answer] = askNetfilter(path, [{ type: NFT_GETGEN }], 'nf_tables');
    const found = answer && [...attributesOf(answer.attributes)].find(({ type }) => type === NFTA_GEN_ID);
    return found?.value.readUInt32BE();
  } catch (error: unknown) {
    if (isXnetError(error, 'NOT_FOUND')) throw error;
    return undefined;
  }
}
