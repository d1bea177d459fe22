/**
 * What may come in by the host's own interfaces on LANs: packets of this host's containers alone, which are those to whose source a
 * route leads by the same interface. Whoever else on the LAN sends to the MAC of such an interface would pass by the rules that the
 * host's firewall has for the parent, and multicast of the LAN would come in twice. Of link-local addresses, which all interfaces
 * have, the kernel's questions whether a neighbour is still there pass, but no question that is sent to many: the answer would be
 * taken for that of the parent.
 */
import { applyNft, readNftTable } from '../../nft/nft.js';

/** Of all networks together. */
export const GUARD_TABLE = 'inet xnet-lan';

const LINES = [
  `add table ${GUARD_TABLE}`,
  `delete table ${GUARD_TABLE}`,
  `table ${GUARD_TABLE} {`,
  ' chain in {',
  '  type filter hook prerouting priority raw; policy accept;',
  '  iifname "xh*" ip6 saddr fe80::/10 ip6 daddr != ff00::/8 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept',
  '  iifname "xh*" fib saddr . iif oif missing counter drop',
  ' }',
  '}',
];

/** `namespace`: path of the host's; undefined: this process's own. Throws as `applyNft`. */
export async function setGuard(namespace: string | undefined): Promise<void> {
  await applyNft(namespace, LINES);
}

export async function isGuarded(namespace: string | undefined): Promise<boolean> {
  return (await readNftTable(namespace, GUARD_TABLE))?.includes('fib saddr') ?? false;
}

/** Absent is success. */
export async function removeGuard(namespace: string | undefined): Promise<void> {
  await applyNft(namespace, LINES.slice(0, 2));
}
