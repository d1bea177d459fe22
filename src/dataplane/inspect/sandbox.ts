import { isXnetError } from '../../errors.js';
import { listNeighbours } from '../../native/netlink/neighbours.js';
import { readProcNet } from '../../native/proc-net.js';
import { type Chain, dropsOf } from '../firewalls/firewall.js';
import { legacyChains } from '../firewalls/iptables-rules.js';
import { parseNft } from '../firewalls/nft-rules.js';
import { readSaved } from '../firewalls/saved-rules.js';
import { isWithin } from '../firewalls/within.js';
import type { SandboxFacts, TracedPacket } from '../inspection.js';
import { readInterfaces, readRoutes, readText, readWay } from '../iproute2/read-namespace.js';
import { readListeners } from './listeners.js';

/** What goes to another host goes through etcd, which takes 1.5 MB; a program may have ten thousands of sockets. */
const MOST_LISTENERS = 64;

/** As Inspection.sandbox. */
export async function inspectSandbox(
  path: string,
  destination: string,
  packets: readonly TracedPacket[],
): Promise<SandboxFacts> {
  const isIpv6 = destination.includes(':');
  const [interfaces, routes, chains, listeners] = await Promise.all([
    readInterfaces(path),
    readRoutes(path, destination),
    readChains(path, isIpv6),
    readListeners(path),
  ]);
  const way = await readWay(path, destination, interfaces);
  const neighbour = await readNeighbour(path, way.gateway ?? destination);
  const drops = packets.flatMap((packet) => dropsOf(chains, { ...packet, interface: way.device }));
  // A container may have all of the Internet's.
  const onTheWay = routes.filter((each) => isWithin(destination, each.destination) !== 'no');
  return { interfaces, routes: onTheWay, way, neighbour, drops, listeners: choose(listeners, packets) };
}

async function readNeighbour(path: string, address: string): Promise<SandboxFacts['neighbour']> {
  const mac = (await listNeighbours(path)).find((each) => each.address === address)?.mac;
  return { address, ...(mac !== undefined && { mac }) };
}

/** Those at the port of the packets first, then some others, by which a person sees what there is. */
function choose(
  listeners: SandboxFacts['listeners'],
  packets: readonly TracedPacket[],
): SandboxFacts['listeners'] {
  const isWanted = ({ port }: { readonly port: number }) => packets.some((packet) => packet.port === port);
  const others = listeners.filter((each) => !isWanted(each));
  return [...listeners.filter(isWanted), ...others].slice(0, MOST_LISTENERS);
}

/** iptables-nft's rules are nftables' own. */
async function readChains(path: string, isIpv6: boolean): Promise<Chain[]> {
  const program = isIpv6 ? 'ip6tables-legacy' : 'iptables-legacy';
  const [nft, legacy, tables] = await Promise.all([
    orNothing(readText(path, ['nft', '-j', '-a', 'list', 'ruleset'])),
    readSaved(path, program),
    readProcNet(path, isIpv6 ? 'ip6_tables_names' : 'ip_tables_names'),
  ]);
  return [...(nft === '' ? [] : parseNft(nft, isIpv6)), ...legacyChains(program, legacy, tables)];
}

/** nsenter says so as a failure, too. */
async function orNothing(text: Promise<string>): Promise<string> {
  return text.catch((error: unknown) => {
    const isMissing = isXnetError(error, 'UNSUPPORTED') || /failed to execute|No such file/.test(`${error}`);
    if (isMissing) return '';
    throw error;
  });
}
