/** How this host sends to the other hosts, and which sizes its containers send. Pure. */
import type { HostPath, HostRoute } from '../dataplane/host-reading.js';
import { IpAddress } from '../inet/ip-address.js';
import { raiseInterface } from '../inet/mtu-remedies.js';
import { isDropping, prefixOfRoute } from '../inet/route.js';
import { allWell, failure, type Judgement, warning, wordOfLine } from './finding.js';

/** As of rp_filter, ip-sysctl.rst of the kernel: a packet is dropped when its sender is reached by another interface. */
const STRICT = 1;

export interface UnderlayRoutes {
  /** Of this host's VTEP. */
  readonly interface: string;
  readonly peers: readonly { readonly name: string; readonly vtep: string }[];
  readonly paths: readonly HostPath[];
  readonly routes: readonly HostRoute[];
  /** Of the interface: the larger of its own setting and that of all. */
  readonly rpFilter: number;
}

export function judgeRoutes({
  peers,
  paths,
  routes,
  rpFilter,
  ...own
}: UnderlayRoutes): readonly Judgement[] {
  const judged = paths.flatMap(({ address, device, refusal }): Judgement[] => {
    const peer = `host ${peers.find(({ vtep }) => vtep === address)?.name} (${address})`;
    if (refusal !== undefined)
      return [
        failure(
          `this host has no way to ${peer}: ${refusal}; containers there are not reached`,
          removal(address, routes),
        ),
      ];
    const back = device === own.interface ? undefined : wayBy(own.interface, address, routes);
    if (back === undefined) return [];
    const found = `packets to ${peer} leave by ${device}, not by ${own.interface}, as routes of a VPN can make them`;
    if (rpFilter !== STRICT) return [warning(found, back)];
    return [
      failure(`${found}; those from there are dropped, since rp_filter of ${own.interface} is strict`, back),
    ];
  });
  return allWell(judged, `packets to ${peers.length} other hosts leave by ${own.interface}`);
}

/** Takes away the route that drops packets to the address: of all that lead there the most specific one, as the kernel takes it. */
function removal(address: string, routes: readonly HostRoute[]): string {
  const leading = routes.filter((route) => covers(route.destination, address) && isAlike(route, address));
  const length = Math.max(...leading.map(lengthOf));
  const culprit = leading.find((route) => lengthOf(route) === length && isDropping(route));
  if (!culprit) return `let a route lead there; see: ip route get ${address}; ip rule`;
  const family = address.includes(':') ? '-6' : '-4';
  return `ip ${family} route del ${culprit.type} ${culprit.destination}`;
}

/**
 * The command by which packets to the address leave by the interface. undefined: it has no route of its own that leads there, as
 * the loopback or dummy interface of a host with several ways to all others.
 */
function wayBy(device: string, address: string, routes: readonly HostRoute[]): string | undefined {
  const leading = routes.filter(
    (route) => route.device === device && covers(route.destination, address) && isAlike(route, address),
  );
  const [way] = leading.sort((a, b) => lengthOf(b) - lengthOf(a));
  if (!way) return undefined;
  const via = way.gateway === undefined ? '' : ` via ${way.gateway}`;
  return `ip route replace ${address}${via} dev ${wordOfLine(device)}`;
}

/** `ip route` prints `default` for both families. */
function isAlike({ gateway, destination }: HostRoute, address: string): boolean {
  const text = destination === 'default' ? (gateway ?? address) : destination;
  return text.includes(':') === address.includes(':');
}

function lengthOf({ destination }: HostRoute): number {
  return destination === 'default' ? 0 : prefixOfRoute(destination).length;
}

function covers(destination: string, address: string): boolean {
  return destination === 'default' || prefixOfRoute(destination).contains(IpAddress.parse(address));
}

/** A network as containers of this host have it. */
export interface NetworkMtus {
  readonly name: string;
  /** The largest packet that a container sends from now on, in bytes. */
  readonly mtu: number;
  /** Of those that run. */
  readonly containers: readonly { readonly name: string; readonly mtu: number }[];
}

interface OwnMtu {
  readonly interface: string;
  readonly mtu: number;
}

/** `most`: the largest packet of a container that crosses the underlay whole. */
export function judgeMtus(
  networks: readonly NetworkMtus[],
  most: number,
  underlay: OwnMtu,
): readonly Judgement[] {
  return allWell(
    networks.flatMap((network) => [
      ...judgeNetworkMtu(network, most, underlay),
      ...judgeLarge(network, most, underlay),
      ...judgeSmall(network, most),
    ]),
    `what containers send fits into ${underlay.interface} (MTU ${underlay.mtu})`,
  );
}

function judgeNetworkMtu({ name, mtu }: NetworkMtus, most: number, underlay: OwnMtu): Judgement[] {
  if (mtu <= most) return [];
  return [
    failure(
      `containers of network ${name} send up to ${mtu} bytes, ${carriedBy(underlay, most)}`,
      `make the network anew without the option com.docker.network.driver.mtu, or with ${most}`,
    ),
  ];
}

/** Containers of before the MTU of the interface fell. */
function judgeLarge({ name, mtu, containers }: NetworkMtus, most: number, underlay: OwnMtu): Judgement[] {
  const large = containers.filter((container) => container.mtu > Math.max(most, mtu));
  if (large.length === 0) return [];
  const sent = Math.max(...large.map((container) => container.mtu));
  const raise = raiseInterface(wordOfLine(underlay.interface), sent + underlay.mtu - most);
  return [
    failure(
      `${listed(large)} in network ${name} send up to ${sent} bytes, ${carriedBy(underlay, most)}`,
      `${raise}   # if it has to stay so: docker restart ${large.map((each) => wordOfLine(each.name)).join(' ')}`,
    ),
  ];
}

/** Containers of before it rose again: what is larger than their own MTU the kernel does not hand to them. */
function judgeSmall({ name, mtu, containers }: NetworkMtus, most: number): Judgement[] {
  const others = Math.min(most, mtu);
  const small = containers.filter((container) => container.mtu < others);
  if (small.length === 0) return [];
  const taken = Math.min(...small.map((container) => container.mtu));
  return [
    warning(
      `${listed(small)} in network ${name} take packets of up to ${taken} bytes, as the MTU was when they were started; containers send up to ${others}: larger ones of UDP are lost`,
      `docker restart ${small.map((each) => wordOfLine(each.name)).join(' ')}`,
    ),
  ];
}

function carriedBy({ interface: name, mtu }: OwnMtu, most: number): string {
  return `${name} (MTU ${mtu}) carries ${most} of a container's: larger packets from other hosts are lost`;
}

function listed(containers: NetworkMtus['containers']): string {
  return containers
    .map(({ name }) => name)
    .sort()
    .join(', ');
}
