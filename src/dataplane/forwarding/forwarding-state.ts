/** The kernel entries by which a network reaches its endpoints, and those it needs. Pure. */
import { isIP } from 'node:net';
import { XnetError } from '../../errors.js';
import { parseMac } from '../../inet/mac-address.js';
import type { Forwarding } from '../dataplane.js';

/** The MAC of VXLAN's default destinations. */
export const FLOOD_MAC = '00:00:00:00:00:00';

export interface ForwardingState {
  /** MACs of other hosts' endpoints. */
  readonly remotes: ReadonlyMap<string, RemoteEntry>;
  /** VTEPs that get broadcast, and multicast that the bridge lets through. */
  readonly flood: ReadonlyMap<string, true>;
  /** Permanent neighbours of br0, from which ARP and ND are answered: address -> MAC. */
  readonly neighbours: ReadonlyMap<string, string>;
  /** MAC -> port on br0 of endpoints of this host. A remote of the same MAC wins. */
  readonly ports: ReadonlyMap<string, string>;
}

/** How frames to a MAC leave the host: both entries are needed. */
export interface RemoteEntry {
  /** br0 sends them to vxlan0. */
  readonly bridged: boolean;
  /** Where vxlan0 sends them: to one, where nobody interfered. */
  readonly vteps: ReadonlySet<string>;
}

/**
 * Without ports. `ownVtep` is never a destination; without `ipv6` the kernel has no neighbours of that family. Of two
 * remotes with one MAC or one address the later wins. Throws INVALID for a MAC or address that is none.
 */
export function desiredForwarding(
  { remotes: endpoints }: Forwarding,
  ownVtep: string,
  ipv6: boolean,
): ForwardingState {
  const remotes = new Map<string, RemoteEntry>();
  const flood = new Map<string, true>();
  const neighbours = new Map<string, string>();
  for (const endpoint of endpoints) {
    const vtep = checkedAddress(endpoint.vtep);
    if (vtep === ownVtep) continue;
    const mac = parseMac(endpoint.mac);
    flood.set(vtep, true);
    remotes.set(mac, { bridged: true, vteps: new Set([vtep]) });
    const addresses = endpoint.addresses.map(checkedAddress);
    for (const address of addresses) if (ipv6 || !isIpv6(address)) neighbours.set(address, mac);
    if (ipv6 && addresses.some(isIpv6)) neighbours.set(linkLocalOf(mac), mac);
  }
  return { remotes, flood, neighbours, ports: new Map() };
}

function isIpv6(address: string): boolean {
  return address.includes(':');
}

/** Containers keep the kernel's default link-local address, made from the MAC (RFC 4291, appendix A). */
function linkLocalOf(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  return compressed(`fe80::${groups.map((group) => group.toString(16)).join(':')}`);
}

/** The kernel's spelling: a single leading zero group is swallowed by the `::` before it. */
function compressed(address: string): string {
  return address.replace(/^fe80::(0:)+/, 'fe80::');
}

function checkedAddress(text: string): string {
  if (isIP(text) === 0 || text.includes('%'))
    throw new XnetError('INVALID', `"${text}" is not a plain IP address`);
  return text.toLowerCase();
}
