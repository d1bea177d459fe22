/** What a WireGuard device has besides keys and peers: an address, and the routes by it. Pure. */
import type { ListedLink } from '../../native/netlink/links.js';
import type { EncryptionTunnel } from './encryption.js';

interface ObservedRoute {
  readonly dst: string;
  readonly from?: string | undefined;
  readonly dev?: string | undefined;
  readonly type?: string | undefined;
}

export interface ObservedTunnel {
  readonly link: ListedLink | undefined;
  /** Of the link. */
  readonly addresses: readonly string[];
  /** To the subnet of the tunnels' addresses. */
  readonly routes: readonly ObservedRoute[];
}

/** Behind all others. */
const LAST_METRIC = 4_278_198_272;

/** Where packets to other hosts' tunnels end while no device takes them. */
export function closedRoute(subnet: string): string {
  return `unreachable ${subnet} metric ${LAST_METRIC}`;
}

/** Words for `ip -6`. */
export function routesOf(subnet: string): string[] {
  return ['route', 'show', 'root', subnet];
}

/**
 * May be repeated. Packets go by the device that has their source: others drop what comes from an address that is not that of
 * the key, and of two devices each has its own.
 */
export function deviceLines({ device, vtep, mtu }: EncryptionTunnel, subnet: string): string[] {
  return [
    `link set ${device} mtu ${mtu} up`,
    `addr replace ${vtep}/128 dev ${device} nodad`,
    `route replace ${subnet} from ${vtep} dev ${device}`,
    `route replace ${closedRoute(subnet)}`,
  ];
}

export function isRight(observed: ObservedTunnel, { device, vtep, mtu }: EncryptionTunnel, subnet: string) {
  const { link, addresses, routes } = observed;
  const isUp = link?.flags.includes('UP') === true && link.mtu === mtu;
  const toSubnet = routes.filter(({ dst }) => dst === subnet);
  const isRouted = toSubnet.some((route) => route.dev === device && route.from === vtep);
  const isClosed = toSubnet.some(({ type }) => type === 'unreachable');
  return isUp && addresses.includes(vtep) && isRouted && isClosed;
}
