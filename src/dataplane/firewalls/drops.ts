/** Finds what drops the tunnel's packets on this host: for `xnet doctor`, and for `xnet trace` the way to one host. */
import { isIPv6 } from 'node:net';
import type { PacketDrop } from '../host-reading.js';
import { runNft } from '../nft/nft.js';
import { foreignChains } from './foreign-chains.js';
import { parseIptables } from './iptables-rules.js';
import { type IptablesProgram, readSaved } from './saved-rules.js';
import { type TunnelPackets, tunnelDrops } from './tunnel-drops.js';

const IPV4: readonly IptablesProgram[] = ['iptables-legacy', 'iptables-nft'];
const IPV6: readonly IptablesProgram[] = ['ip6tables-legacy', 'ip6tables-nft'];

/**
 * Of a host whose VTEP is not known, rules of both address families are looked at; else those of its own alone. Programs that are
 * not there have no rules. Throws as `readSaved`, and UNSUPPORTED without nft.
 */
export async function findDrops(
  namespace: string | undefined,
  packets: TunnelPackets,
): Promise<PacketDrop[]> {
  const isFor = (family: 4 | 6) => packets.own === undefined || isIPv6(packets.own) === (family === 6);
  const programs = [...(isFor(4) ? IPV4 : []), ...(isFor(6) ? IPV6 : [])];
  const [inNft, ...texts] = await Promise.all([
    runNft(namespace, ['-j', '-a', 'list', 'ruleset']),
    ...programs.map((program) => readSaved(namespace, program)),
  ]);
  const saved = new Map(programs.map((program, index) => [program, texts[index] ?? '']));
  const savedNft = { ip: saved.get('iptables-nft') ?? '', ip6: saved.get('ip6tables-nft') ?? '' };
  const others = [...(isFor(4) ? [] : ['ip']), ...(isFor(6) ? [] : ['ip6'])];
  const chains = [
    ...foreignChains(inNft, savedNft, others),
    ...programs.flatMap((program) => parseIptables(program, saved.get(program) ?? '')),
  ];
  return tunnelDrops(chains, packets);
}
