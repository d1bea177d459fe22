import { isXnetError } from '../../errors.js';
import type { SandboxFacts, TracedPacket } from '../inspection.js';
import { readInterfaces, readRoutes, readText, readWay } from '../iproute2/read-namespace.js';
import { type Chain, dropsOf } from './firewall.js';
import { parseIptables } from './iptables-rules.js';
import { PRINT_LISTENERS, parseListeners } from './listeners.js';
import { parseNft } from './nft-rules.js';

/** As Inspection.sandbox. */
export async function inspectSandbox(
  path: string,
  destination: string,
  packets: readonly TracedPacket[],
): Promise<SandboxFacts> {
  const isIpv6 = destination.includes(':');
  const [interfaces, routes, chains, sockets] = await Promise.all([
    readInterfaces(path),
    readRoutes(path, destination),
    readChains(path, isIpv6),
    readText(path, ['sh', '-c', PRINT_LISTENERS]),
  ]);
  const way = await readWay(path, destination, interfaces);
  const drops = packets.flatMap((packet) => dropsOf(chains, { ...packet, interface: way.device }));
  return { interfaces, routes, way, drops, listeners: parseListeners(sockets) };
}

/** iptables-nft's rules are nftables' own. Programs that are not there have no rules. */
async function readChains(path: string, isIpv6: boolean): Promise<Chain[]> {
  const program = isIpv6 ? 'ip6tables-legacy' : 'iptables-legacy';
  const [nft, legacy] = await Promise.all([
    orNothing(readText(path, ['nft', '-j', '-a', 'list', 'ruleset'])),
    orNothing(readText(path, [`${program}-save`])),
  ]);
  return [...(nft === '' ? [] : parseNft(nft, isIpv6)), ...parseIptables(program, legacy)];
}

/** nsenter says so as a failure, too. */
async function orNothing(text: Promise<string>): Promise<string> {
  return text.catch((error: unknown) => {
    const isMissing = isXnetError(error, 'UNSUPPORTED') || /failed to execute|No such file/.test(`${error}`);
    if (isMissing) return '';
    throw error;
  });
}
