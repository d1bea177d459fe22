/**
 * The host's own interface on a LAN, by which it and its containers there reach each other: the kernel passes no packet between an
 * interface and its children. It has no address of the LAN's; routes to the single containers lead to it, and packets to them have
 * the address of the parent. Only this host's containers get an answer on it (arp_filter in the kernel's ip-sysctl.rst).
 */
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { IpAddress } from '../../../inet/ip-address.js';
import { Prefix } from '../../../inet/prefix.js';
import type { ListedAddress } from '../../../native/netlink/addresses.js';
import type { ListedLink } from '../../../native/netlink/links.js';
import type { ListedNeighbour } from '../../../native/netlink/neighbours.js';
import { type Change, compareMaps } from '../../changes.js';
import type { Iproute2 } from '../../iproute2/iproute2.js';
import type { LanSpec } from '../../modes.js';
import { typeOf } from '../children.js';
import { hostInterfaceName, OWN_ALIAS } from '../names.js';
import { isUp } from '../parent/find-parent.js';
import type { Segment } from '../parent/segment.js';

/** `links`: of the host's namespace. What is made or altered is down, or without arp_filter: both follow, see HostReach. */
export function planHostInterface(
  links: readonly ListedLink[],
  networkId: string,
  { mode, parent, mtu }: Segment,
): Change[] {
  const object = hostInterfaceName(networkId);
  const link = links.find(({ ifname }) => ifname === object);
  const lower = links.find(({ ifname }) => ifname === parent);
  const kind = 'host-interface';
  if (!link || (lower && link.link_index !== lower.index)) {
    const address = mode.kind === 'macvlan' ? ` address ${hostMac(networkId, lower?.address)}` : '';
    const add = `link add ${object} link ${parent} mtu ${mtu}${address} type ${typeOf(mode)}`;
    const host = [add, `link set ${object} alias ${OWN_ALIAS} addrgenmode none`];
    return [{ kind, object, was: 'missing', host: link ? [`link del ${object}`, ...host] : host }];
  }
  if (link.mtu === mtu && isUp(link) && link.filters_arp) return [];
  return [{ kind, object, was: 'altered', host: [`link set ${object} mtu ${mtu}`] }];
}

/**
 * Containers remember it, so that one made again must have the same; each host has another. The first byte keeps it off the MACs of
 * endpoints and bridges.
 */
function hostMac(networkId: string, parentMac = ''): string {
  const hash = createHash('sha256').update(`${networkId} ${parentMac}`).digest('hex');
  return `06:${(hash.match(/../g) ?? []).slice(0, 5).join(':')}`;
}

/** Of the host's interface of a network. */
export interface Reach {
  /** Address of a container -> that of the host which packets to it have; '': the kernel chooses one. */
  readonly routes: ReadonlyMap<string, string>;
  /**
   * Address of a container -> its MAC, of macvlan. Were it asked for by ARP, all of the LAN would have the question, with the address of
   * the parent and the MAC of this interface, and send there what is for the host.
   */
  readonly neighbours: ReadonlyMap<string, string>;
  /** The IPv6 addresses of the host that it has as well: ND is answered for an interface's own addresses alone. */
  readonly addresses: ReadonlySet<string>;
}

/** `containers`: their plain addresses, each with the MAC. `ofParent`: the addresses of the device below. */
export function desiredReach(
  mode: LanSpec,
  containers: ReadonlyMap<string, string>,
  ofParent: readonly ListedAddress[],
): Reach {
  const fit = ofParent.filter(({ address }) => !/^fe[89ab]/i.test(address));
  const routes = new Map([...containers.keys()].map((address) => [address, sourceFor(address, fit)]));
  // The kernel gives all packets for an address of an ipvlan child to that child, also those for the parent.
  const own = mode.kind === 'macvlan' ? [...routes.values()].filter((source) => isIPv6(source)) : [];
  const neighbours = mode.kind === 'macvlan' ? containers : new Map<string, string>();
  return { routes, neighbours, addresses: new Set(own) };
}

/** The one whose subnet the container is in, else the first of its family. */
function sourceFor(container: string, addresses: readonly ListedAddress[]): string {
  const alike = addresses.filter(({ address }) => isIPv6(address) === isIPv6(container));
  const [first] = alike;
  return (alike.find((each) => isWithin(container, each)) ?? first)?.address ?? '';
}

function isWithin(container: string, { address, prefixLength }: ListedAddress): boolean {
  return Prefix.parseInterface(`${address}/${prefixLength}`).prefix.contains(IpAddress.parse(container));
}

export function diffReach(networkId: string, observed: Reach, desired: Reach): Change[] {
  const device = hostInterfaceName(networkId);
  const addresses = [...desired.addresses].filter((address) => !observed.addresses.has(address));
  const extra = [...observed.addresses].filter((address) => !desired.addresses.has(address));
  return [
    ...compareMaps(observed.neighbours, desired.neighbours).map(({ key, was, desired: mac }): Change => {
      const line =
        was === 'extra'
          ? `neigh del ${key} dev ${device}`
          : `neigh replace ${key} lladdr ${mac} dev ${device} nud permanent`;
      return { kind: 'neighbour', object: key, was, host: [line] };
    }),
    ...addresses.map((address): Change => {
      const host = [`addr add ${address}/128 dev ${device} nodad noprefixroute`];
      return { kind: 'host-route', object: address, was: 'missing', host };
    }),
    ...compareMaps(observed.routes, desired.routes).map(({ key, was, desired: source }): Change => {
      const prefix = `${key}/${isIPv6(key) ? 128 : 32}`;
      const from = source ? ` src ${source}` : '';
      const line =
        was === 'extra'
          ? `route del ${prefix} dev ${device}`
          : `route replace ${prefix} dev ${device}${from}`;
      return { kind: 'host-route', object: key, was, host: [line] };
    }),
    ...extra.map((address): Change => {
      const host = [`addr del ${address}/128 dev ${device}`];
      return { kind: 'host-route', object: address, was: 'extra', host };
    }),
  ];
}

const routeSchema = z.array(z.object({ dst: z.string(), prefsrc: z.string().optional() }));

/** `own`: the addresses of the host's interface. `neighbours`: those of the host. */
export async function readReach(
  iproute2: Iproute2,
  networkId: string,
  own: readonly ListedAddress[],
  neighbours: readonly ListedNeighbour[],
): Promise<Reach> {
  const device = hostInterfaceName(networkId);
  const lists = await Promise.all(
    ['-4', '-6'].map((family) => iproute2.show([family, 'route', 'show', 'dev', device], routeSchema)),
  );
  // To single addresses alone: others are the kernel's.
  const single = lists.flat().filter(({ dst }) => /^[\da-f.:]+$/.test(dst));
  return {
    routes: new Map(single.map(({ dst, prefsrc = '' }) => [dst, prefsrc])),
    neighbours: new Map(
      neighbours.flatMap(({ address, mac, state }) =>
        state === 'permanent' && address !== undefined && mac !== undefined ? [[address, mac]] : [],
      ),
    ),
    addresses: new Set(own.map(({ address }) => address).filter((address) => isIPv6(address))),
  };
}
