/** Which rule gives packets of a container the address of its host. Pure. */
import { isWithin } from './within.js';

const OF_IPTABLES = /^-A .*-j (MASQUERADE|SNAT)\b/;
const OF_NFT = /\bmasquerade\b|\bsnat (ip6? )?(prefix )?to\b|xt target "?(MASQUERADE|SNAT)\b/;
const COMMENT = /comment "[^"]*"/;
/** A line that names a chain, which may be called as it likes. */
const OF_CHAINS = /^\s*chain |\b(jump|goto) /;
/** It is for some destinations alone, as Docker's for a container that asks its own published port. */
const OF_DESTINATIONS = /(?<!! )-d \S|daddr (?!!=)/;
const SOURCE = /(! )?-s (\S+)|saddr (!= )?(\{[^}]*\}|\S+)/;

/**
 * The first rule for packets from the address, of what `nft list ruleset` and `iptables-save` print. One that compares what is
 * not read here counts.
 */
export function findTranslation(text: string, source: string): string | undefined {
  return text
    .split('\n')
    .find((line) => {
      if (!translates(line) || OF_DESTINATIONS.test(line)) return false;
      const [, notOfIptables, ofIptables, notOfNft, ofNft] = SOURCE.exec(line) ?? [];
      const list = ofIptables ?? ofNft;
      if (list === undefined) return true;
      const held = list.split(/[{}, ]+/).flatMap((each) => (each === '' ? [] : [isWithin(source, each)]));
      const isNot = notOfIptables !== undefined || notOfNft !== undefined;
      return held.includes('maybe') || held.includes('yes') !== isNot;
    })
    ?.trim();
}

function translates(line: string): boolean {
  if (line.startsWith('-')) return OF_IPTABLES.test(line);
  return OF_NFT.test(line.replace(COMMENT, '')) && !OF_CHAINS.test(line);
}
