/** The devices of a routed network, all of them in the host's namespace: what they shall be, and the lines that make them. Pure. */
import { isIPv6 } from 'node:net';
import type { ListedLink } from '../../native/netlink/links.js';
import type { Change } from '../changes.js';
import type { EndpointSpec, NetworkSpec } from '../dataplane.js';
import { interfaceName } from '../interface-names.js';
import type { Tunnel } from '../overlay/layout.js';
import { holds, LEAST_IPV6_MTU } from '../overlay/links.js';
import { aliasOf, endpointNameOfOuterEnd, outerEndName, tunnelMac, tunnelName } from './routed-names.js';

export function isOfNetwork(link: ListedLink, networkId: string): boolean {
  return link.ifalias === aliasOf(networkId);
}

/** The host's ends of endpoints. */
export function outerEndsOf(links: readonly ListedLink[], networkId: string): ListedLink[] {
  return links.filter(
    (link) => isOfNetwork(link, networkId) && endpointNameOfOuterEnd(link.ifname) !== undefined,
  );
}

/**
 * A pair, the container's end in the namespace `into` (absent: the host's). That end resolves no neighbours: whatever it sends goes
 * to the host's end, for which the frame's MAC has no meaning, so there is no ARP and no ND to be answered or forged.
 */
export function pairChange(
  { id: networkId, mtu }: NetworkSpec,
  endpoint: EndpointSpec,
  into?: string,
): Change {
  const name = outerEndName(endpoint.id);
  const inner = `name ${interfaceName(endpoint.id)} address ${endpoint.mac} mtu ${mtu} arp off`;
  const where = into === undefined ? '' : ` netns ${into}`;
  return {
    ...{ kind: 'veth', object: name, was: 'missing' },
    ip: [`link add ${name} mtu ${mtu} type veth peer ${inner}${where}`, ...setLines(name, networkId, mtu)],
  };
}

/** What puts the host's end right; undefined: it is. One that was made with a larger MTU keeps it. */
export function outerEndChange(link: ListedLink, { id, mtu }: NetworkSpec): Change | undefined {
  const object = link.ifname;
  if (isRight(link, mtu)) return undefined;
  return { kind: 'port', object, was: 'altered', ip: setLines(object, id, Math.max(mtu, link.mtu)) };
}

/** What gives the host's ends the network's MTU, where that has risen since they were made. No other program has altered those. */
export function widenEnds(links: readonly ListedLink[], network: NetworkSpec): Change[] {
  const narrow = outerEndsOf(links, network.id).filter(({ mtu }) => mtu < network.mtu);
  return narrow.flatMap((end) => outerEndChange(end, network) ?? []);
}

/** What makes the tunnel's device, or puts it right; undefined: it is. Its MTU is that of containers: what does not fit is fragmented. */
export function tunnelChange(
  links: readonly ListedLink[],
  { id, vni, mtu }: NetworkSpec,
  { vtep, port }: Tunnel,
): Change | undefined {
  const object = tunnelName(id);
  const set = setLines(object, id, mtu);
  const type = `type vxlan id ${vni} local ${vtep} dstport ${port} nolearning`;
  const add = `link add ${object} mtu ${mtu} address ${tunnelMac(vtep)} ${type}`;
  const link = links.find(({ ifname }) => ifname === object);
  if (!link) return { kind: 'vxlan', object, was: 'missing', ip: [add, ...set] };
  const { info_kind, info_data } = link.linkinfo ?? {};
  const local = info_data?.[isIPv6(vtep) ? 'local6' : 'local'];
  const isOurs = info_kind === 'vxlan' && holds(info_data, { id: vni, port, learning: false });
  if (!isOurs || local !== vtep || link.address !== tunnelMac(vtep))
    return { kind: 'vxlan', object, was: 'altered', clear: [`link del ${object}`], ip: [add, ...set] };
  if (isRight(link, mtu) && link.mtu === mtu && isOfNetwork(link, id)) return undefined;
  return { kind: 'vxlan', object, was: 'altered', ip: set };
}

/**
 * It makes itself no address, and answers no ARP: nothing speaks to the host there, also while the table is gone and frames get into
 * the host's stack.
 */
function setLines(name: string, networkId: string, mtu: number): string[] {
  const mode = mtu >= LEAST_IPV6_MTU ? ' addrgenmode none' : '';
  return [`link set ${name} mtu ${mtu} alias ${aliasOf(networkId)} arp off${mode}`, `link set ${name} up`];
}

function isRight({ flags, mtu, inet6_addr_gen_mode = 'none' }: ListedLink, least: number): boolean {
  return flags.includes('UP') && flags.includes('NOARP') && mtu >= least && inet6_addr_gen_mode === 'none';
}
