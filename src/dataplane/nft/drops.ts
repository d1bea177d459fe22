/** Finds what drops the tunnel's packets on this host: for `xnet doctor`. */
import { isIPv6 } from 'node:net';
import type { PacketDrop } from '../host-reading.js';
import { iptablesDrops, nftDrops } from './foreign-rules.js';
import { runNft } from './nft.js';
import { type IptablesProgram, readSaved } from './saved-rules.js';
import { TUNNEL_FILTER_TABLE } from './tunnel-filter.js';

const IPV4: readonly IptablesProgram[] = ['iptables-legacy', 'iptables-nft'];
const IPV6: readonly IptablesProgram[] = ['ip6tables-legacy', 'ip6tables-nft'];

/**
 * `vtep`: of this host; rules for the other address family drop none of its packets. undefined: rules of both are looked at.
 * Programs that are not there have no rules. Throws as `readSaved`, and UNSUPPORTED without nft.
 */
export async function findDrops(
  namespace: string | undefined,
  port: number,
  vtep?: string,
): Promise<PacketDrop[]> {
  const isFor = (family: 4 | 6) => vtep === undefined || isIPv6(vtep) === (family === 6);
  const programs = [...(isFor(4) ? IPV4 : []), ...(isFor(6) ? IPV6 : [])];
  const [inNft, ...texts] = await Promise.all([
    runNft(namespace, ['-j', '-a', 'list', 'ruleset']),
    ...programs.map((program) => readSaved(namespace, program)),
  ]);
  const saved = new Map(programs.map((program, index) => [program, texts[index] ?? '']));
  const savedNft = { ip: saved.get('iptables-nft') ?? '', ip6: saved.get('ip6tables-nft') ?? '' };
  const others = ['arp', ...(isFor(4) ? [] : ['ip']), ...(isFor(6) ? [] : ['ip6'])];
  return [
    ...nftDrops(inNft, port, `inet ${TUNNEL_FILTER_TABLE}`, savedNft, others),
    ...programs.flatMap((program) => iptablesDrops(program, saved.get(program) ?? '', port)),
  ];
}
