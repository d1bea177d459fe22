/** Finds what drops the tunnel's packets on this host: for `xnet doctor`. */
import { isXnetError } from '../../errors.js';
import type { PacketDrop } from '../dataplane.js';
import { runProgram } from '../iproute2/program.js';
import { iptablesDrops, nftDrops } from './foreign-rules.js';
import { enterCommand } from './nft.js';
import { TUNNEL_FILTER_TABLE } from './tunnel-filter.js';

const SAVE_PROGRAMS = ['iptables-legacy', 'ip6tables-legacy', 'iptables-nft', 'ip6tables-nft'] as const;

/** Programs that are not there have no rules. Throws KERNEL, and UNSUPPORTED without nft. */
export async function findDrops(namespace: string | undefined, port: number): Promise<PacketDrop[]> {
  const [inNft, ...inIptables] = await Promise.all([
    read(namespace, 'nft', ['-j', '-a', 'list', 'ruleset']),
    ...SAVE_PROGRAMS.map((program) => read(namespace, `${program}-save`, []).catch(unlessMissing)),
  ]);
  return [
    ...nftDrops(inNft, port, `inet ${TUNNEL_FILTER_TABLE}`),
    ...SAVE_PROGRAMS.flatMap((program, index) => iptablesDrops(program, inIptables[index] ?? '', port)),
  ];
}

async function read(
  namespace: string | undefined,
  program: string,
  words: readonly string[],
): Promise<string> {
  const [command = program, ...args] = [...enterCommand(namespace), program, ...words];
  return (await runProgram(command, args)).stdout;
}

function unlessMissing(error: unknown): string {
  if (isXnetError(error, 'UNSUPPORTED')) return '';
  throw error;
}
