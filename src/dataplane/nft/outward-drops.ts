/**
 * Finds what keeps containers from the outside on this host, for `xnet doctor`: Docker's own rules that are not there, because
 * somebody flushed the firewall after Docker had started, or because Docker was told to make none (`iptables: false`).
 */
import type { GatewayBridge, PacketDrop } from '../host-reading.js';
import { runNft } from './nft.js';
import { readSaved } from './saved-rules.js';
import { findTranslation } from './translation.js';

/** Throws KERNEL with a program's words, and UNSUPPORTED without nft. */
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
  const closed = [
    ...(isClosedNft(inNft) ? ['iptables'] : []),
    ...(isClosedLegacy(inLegacy) ? ['iptables-legacy'] : []),
  ];
  return [
    ...(findTranslation(`${inNft}\n${inLegacy}`, subnet.split('/')[0] ?? '') !== undefined
      ? []
      : [
          {
            rule: `no rule gives packets from ${subnet} (${device}) the address of this host`,
            isCertain: true,
            remedy: `iptables -t nat -A POSTROUTING -s ${subnet} ! -o ${device} -j MASQUERADE   # all of Docker's rules: systemctl restart docker`,
          },
        ]),
    ...closed.map((program) => ({
      rule: `${program} drops all in FORWARD, where no rule of Docker's is left`,
      isCertain: true,
      remedy: 'systemctl restart docker',
    })),
  ];
}

function isClosedNft(text: string): boolean {
  const [, rules] = /chain FORWARD \{\n.*policy drop;\n([^}]*)/.exec(text) ?? [];
  return rules !== undefined && !/accept|jump|goto/.test(rules);
}

function isClosedLegacy(text: string): boolean {
  return /^:FORWARD DROP/m.test(text) && !/^-A FORWARD .*-[jg] (?!DROP|REJECT)/m.test(text);
}
