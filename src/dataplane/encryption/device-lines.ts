/** What a WireGuard device has besides keys and peers: an address, and the routes by it. Pure. */
import type { ListedLink } from '../../native/netlink/links.js';
import type { ListedRoute } from '../../native/netlink/routes.js';
import type { EncryptionTunnel } from './encryption.js';

export interface ObservedTunnel {
  readonly link: ListedLink | undefined;
  /** Of the link. */
  readonly addresses: readonly string[];
  /** Of IPv6, of the table main. */
  readonly routes: readonly ListedRoute[];
}

/** Behind all others. */
const LAST_METRIC = 4_278_198_272;

/** Where packets to other hosts' tunnels end while no device takes them. */
export function closedRoute(subnet: string): string {
  return `unreachable ${subnet} metric ${LAST_METRIC}`;
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

/** Takes away the ways by the interface, so that the kernel chooses others. */
export function removalLines(
  routes: readonly ListedRoute[],
  index: number,
  device: string,
  subnet: string,
): string[] {
  const own = routes.filter((route) => route.interface === index && route.to === subnet);
  return own.flatMap(({ to, from }) =>
    from === undefined ? [] : [`route del ${to} from ${from} dev ${device}`],
  );
}

export function isRight(observed: ObservedTunnel, { vtep, mtu }: EncryptionTunnel, subnet: string) {
  const { link, addresses, routes } = observed;
  const isUp = link?.flags.includes('UP') === true && link.mtu === mtu;
  const toSubnet = routes.filter(({ to }) => to === subnet);
  const isRouted = toSubnet.some((route) => route.interface === link?.index && route.from === `${vtep}/128`);
  const isClosed = toSubnet.some(({ isUnreachable, from }) => isUnreachable && from === undefined);
  return isUp && addresses.includes(vtep) && isRouted && isClosed;
}
