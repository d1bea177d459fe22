/** What of nftables is other programs': without our own table, and without what iptables' programs print better. Pure. */
import { TUNNEL_FILTER_TABLE } from '../nft/tunnel-filter.js';
import type { Chain } from './firewall.js';
import { nftChains } from './nft-rules.js';
import { type NftRule, parseRuleset } from './ruleset.js';

/** Tables that iptables makes in nftables. Others may have made them, or chains and rules in them. */
const OF_IPTABLES = /^(raw|mangle|nat|filter|security)$/;

/** What `iptables-nft-save` and `ip6tables-nft-save` print, by family. Empty where the program is not there. */
export type SavedByFamily = Readonly<Record<string, string>>;

/**
 * Of the output of `nft -j -a list ruleset`. Of a chain that `saved` has, those rules are left out that drop and are printed
 * there whole, and its policy. `others`: families of tables that none of the packets pass.
 */
export function foreignChains(text: string, saved: SavedByFamily, others: readonly string[]): Chain[] {
  const { chains, rules } = parseRuleset(text);
  const isPrinted = (rule: NftRule) =>
    isSaved(saved, rule.family, rule.table, rule.chain) &&
    rule.expr.some((each) => 'drop' in each || 'reject' in each) &&
    !comparesSet(rule);
  const kept = { chains, rules: rules.filter((rule) => !isPrinted(rule)) };
  return nftChains(kept, (family) => family !== 'arp' && !others.includes(family))
    .filter(({ firewall }) => firewall !== `inet ${TUNNEL_FILTER_TABLE}`)
    .map((chain) => {
      const [family = '', table = '', name = ''] = chain.key.split(' ');
      return isSaved(saved, family, table, name) ? { ...chain, door: undefined } : chain;
    });
}

/** Whether iptables' program prints the chain: it leaves out base chains that it would not have made (iptables-nft 1.8.9). */
function isSaved(saved: SavedByFamily, family: string, table: string, name: string): boolean {
  if (!OF_IPTABLES.test(table)) return false;
  const [, rest = ''] = (saved[family] ?? '').split(`*${table}\n`);
  const [chains = ''] = rest.split('COMMIT');
  return chains.includes(`:${name} `);
}

/** iptables' program prints such a rule without what it compares. */
function comparesSet({ expr }: NftRule): boolean {
  return expr.some(({ match }) => {
    const { right } = (match ?? {}) as { right?: unknown };
    return typeof right === 'object' && right !== null && 'set' in right;
  });
}
