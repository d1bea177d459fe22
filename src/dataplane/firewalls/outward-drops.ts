/**
 * Finds what keeps containers from the outside on this host, for `xnet doctor`: Docker's own rules that are not there, because
 * somebody flushed the firewall after Docker had started, or because Docker was told to make none (`iptables: false`).
 */
import { shellWord } from '../../shell-word.js';
import type { GatewayBridge, PacketDrop } from '../host-reading.js';
import { runNft } from '../nft/nft.js';
import { readSaved } from './saved-rules.js';
import { findTranslation } from './translation.js';

const RESTART = 'systemctl restart docker   # without live-restore, containers stop and start again with it';

/** `bridges`: with IPv4 subnets. Throws as `readSaved`, and UNSUPPORTED without nft. */
export async function findOutwardDrops(
  namespace: string | undefined,
  bridges: readonly GatewayBridge[],
): Promise<PacketDrop[]> {
  if (bridges.length === 0) return [];
  const [inNft, inLegacy] = await Promise.all([
    runNft(namespace, ['list', 'ruleset']),
    readSaved(namespace, 'iptables-legacy'),
  ]);
  return bridges.flatMap((bridge) => outwardDrops(bridge, inNft, inLegacy));
}

/** Of the text of `nft list ruleset`, which has the rules of iptables-nft too, and of `iptables-legacy-save`. */
export function outwardDrops(
  { device, subnet }: GatewayBridge,
  inNft: string,
  inLegacy: string,
): PacketDrop[] {
  const tables = inNft
    .split(/^(?=table )/m)
    .filter((table) => /^table (ip|inet) /.test(table))
    .join('');
  const closed = [
    ...(isClosedNft(tables) ? ['iptables'] : []),
    ...(isClosedLegacy(inLegacy) ? ['iptables-legacy'] : []),
  ];
  const masquerade = `iptables -t nat -A POSTROUTING -s ${subnet} ! -o ${shellWord(device)} -j MASQUERADE`;
  return [
    ...(findTranslation(`${tables}\n${inLegacy}`, subnet.split('/')[0] ?? '') !== undefined
      ? []
      : [
          {
            rule: `no rule gives packets from ${subnet} (${device}) the address of this host`,
            isCertain: true,
            remedy: `${masquerade}   # all of Docker's rules: ${RESTART.replace(/ {2,}# /, '; ')}`,
          },
        ]),
    ...closed.map((program) => ({
      rule: `${program} drops all in FORWARD, where no rule of Docker's is left`,
      isCertain: true,
      remedy: RESTART,
    })),
  ];
}

/** A brace that ends a chain is the first of its line; those of a set are not. */
function isClosedNft(tables: string): boolean {
  const chains = [...tables.matchAll(/chain FORWARD \{\n.*policy drop;\n([\s\S]*?)^\s*\}/gm)];
  return chains.some(([, rules = '']) => !/accept|jump|goto/.test(rules));
}

function isClosedLegacy(text: string): boolean {
  return /^:FORWARD DROP/m.test(text) && !/^-A FORWARD .*-[jg] (?!DROP|REJECT)/m.test(text);
}
