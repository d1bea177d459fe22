/** Finds what drops the tunnel's packets on this host: for `xnet doctor`. */
import type { PacketDrop } from '../host-reading.js';
import { iptablesDrops, nftDrops } from './foreign-rules.js';
import { runNft } from './nft.js';
import { readSaved } from './saved-rules.js';
import { TUNNEL_FILTER_TABLE } from './tunnel-filter.js';

const SAVE_PROGRAMS = ['iptables-legacy', 'ip6tables-legacy', 'iptables-nft', 'ip6tables-nft'] as const;

/** Programs that are not there have no rules. Throws KERNEL with a program's words, and UNSUPPORTED without nft. */
export async function findDrops(namespace: string | undefined, port: number): Promise<PacketDrop[]> {
  const [inNft, ...inIptables] = await Promise.all([
    runNft(namespace, ['-j', '-a', 'list', 'ruleset']),
    ...SAVE_PROGRAMS.map((program) => readSaved(namespace, program)),
  ]);
  const [, , ip = '', ip6 = ''] = inIptables;
  return [
    ...nftDrops(inNft, port, `inet ${TUNNEL_FILTER_TABLE}`, { ip, ip6 }),
    ...SAVE_PROGRAMS.flatMap((program, index) => iptablesDrops(program, inIptables[index] ?? '', port)),
  ];
}
