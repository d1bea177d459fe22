/**
 * Finds what keeps containers from the outside on this host, for `xnet doctor`: Docker's own rules that are not there, because
 * somebody flushed the firewall after Docker had started, or because Docker was told to make none (`iptables: false`).
 */
import { Prefix } from '../../inet/prefix.js';
import { shellWord } from '../../shell-word.js';
import type { GatewayBridge, PacketDrop } from '../host-reading.js';
import { runNft } from './nft.js';
import { saveRules } from './saved-rules.js';

const RESTART = 'systemctl restart docker   # without live-restore, containers stop and start again with it';

/** `bridges`: with IPv4 subnets. Throws as `saveRules`, and UNSUPPORTED without nft. */
export async function findOutwardDrops(
  namespace: string | undefined,
  bridges: readonly GatewayBridge[],
): Promise<PacketDrop[]> {
  if (bridges.length === 0) return [];
  const [inNft, inLegacy] = await Promise.all([
    runNft(namespace, ['list', 'ruleset']),
    saveRules(namespace, 'iptables-legacy'),
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
    ...(isTranslated(subnet, `${tables}\n${inLegacy}`)
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

/** nft prints a target of iptables that it does not know in words of its own as `xt target "MASQUERADE"`. */
const TRANSLATION = /masquerade|snat (ip )?to|(xt target "|-j )(MASQUERADE|SNAT)/;

/** A rule for other subnets alone does not count. */
function isTranslated(subnet: string, text: string): boolean {
  return text.split('\n').some((line) => TRANSLATION.test(line) && isOfSource(line, Prefix.parse(subnet)));
}

/** A source that is not read, as a set's, may be it. */
function isOfSource(rule: string, subnet: Prefix): boolean {
  const [, ...found] = /(! )?(?:saddr|-s) (!= )?([\d.]+)(?:\/(\d+))?(?=\s|$)/.exec(rule) ?? [];
  const [notOption, notOperator, source, length = '32'] = found;
  if (source === undefined) return true;
  const isOther = notOption !== undefined || notOperator !== undefined;
  return Prefix.parseInterface(`${source}/${length}`).prefix.covers(subnet) !== isOther;
}

/** A brace that ends a chain is the first of its line; those of a set are not. */
function isClosedNft(tables: string): boolean {
  const chains = [...tables.matchAll(/chain FORWARD \{\n.*policy drop;\n([\s\S]*?)^\s*\}/gm)];
  return chains.some(([, rules = '']) => !/accept|jump|goto/.test(rules));
}

function isClosedLegacy(text: string): boolean {
  return /^:FORWARD DROP/m.test(text) && !/^-A FORWARD .*-[jg] (?!DROP|REJECT)/m.test(text);
}
