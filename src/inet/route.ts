import { Prefix } from './prefix.js';

/** A route of a host, as `ip route` prints it. */
export interface Route {
  /** `default`, a prefix, or an address alone. */
  readonly destination: string;
  readonly device: string;
  /** Absent: unicast. */
  readonly type?: string | undefined;
}

/** A VPN's halves of all addresses (0.0.0.0/1 and 128.0.0.0/1) are a default route in two. */
const HALF = 1;

/** Whether there are addresses in the subnet to which the route leads. A default route does not count. */
export function isOverlapped(subnet: Prefix, { destination }: Pick<Route, 'destination'>): boolean {
  if (destination === 'default') return false;
  const prefix = prefixOfRoute(destination);
  return prefix.length > HALF && subnet.overlaps(prefix);
}

/** It leads nowhere, as a sink for private addresses that this host does not have: nobody is missed behind it. */
export function isDropping({ type = 'unicast' }: Pick<Route, 'type'>): boolean {
  return type !== 'unicast';
}

/** `default` is none. */
export function prefixOfRoute(destination: string): Prefix {
  const bits = destination.includes(':') ? 128 : 32;
  return Prefix.parse(destination.includes('/') ? destination : `${destination}/${bits}`);
}
