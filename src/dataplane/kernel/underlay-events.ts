import type { Underlay } from '../dataplane.js';

/** Not to be used: another address takes its place (RFC 4862, section 5.5.4), or it is on trial. */
const UNFIT = / (deprecated|tentative|dadfailed)\b/;

/**
 * Whether a line of `ip -d -o monitor link address all-nsid` says that the underlay may not be what it was: its address is
 * gone, or its interface has another MTU or name. Other addresses that come and go do not matter as long as it is there. Pure.
 */
export function concernsUnderlay(line: string, underlay: Underlay): boolean {
  const [, deleted, index, device, rest = ''] =
    /^\[nsid current\](Deleted )?(\d+): ([^\s@:]+)(.*)$/.exec(line) ?? [];
  if (device === undefined) return false;
  const address = /^\s+inet6? ([^\s/]+)/.exec(rest)?.[1];
  if (address !== undefined) return address === underlay.vtep && (deleted !== undefined || UNFIT.test(rest));
  const isIndexed = Number(index) === underlay.index;
  if (device !== underlay.interface) return isIndexed;
  const mtu = / mtu (\d+) qdisc /.exec(rest)?.[1];
  return deleted !== undefined || (mtu !== undefined && Number(mtu) !== underlay.mtu);
}
