/** Which kernel entries a network needs so that it reaches the endpoints of other hosts. Pure. */
import { isIP } from 'node:net';
import { XnetError } from '../../errors.js';
import { parseMac } from '../../inet/mac-address.js';
import type { Forwarding, ForwardingChange } from '../dataplane.js';
import { BRIDGE, VXLAN } from '../interface-names.js';
import { localFdbLine } from '../network/veth.js';

/** The MAC of VXLAN's default destinations: broadcast, and multicast that the bridge lets through. */
export const FLOOD_MAC = '00:00:00:00:00:00';

export interface ForwardingState {
  /** FDB of vxlan0: MAC -> VTEPs; the flood MAC may have several, a unicast MAC has one. */
  readonly tunnels: ReadonlyMap<string, ReadonlySet<string>>;
  /** MACs that br0 sends to vxlan0. */
  readonly bridged: ReadonlySet<string>;
  /** Permanent neighbours of br0, from which ARP and ND are answered: address -> MAC. */
  readonly neighbours: ReadonlyMap<string, string>;
}

/** MAC -> port on br0 of the endpoints of this host. */
export type LocalPorts = ReadonlyMap<string, string>;

/** Lines for `bridge` and for `ip`, in the network's namespace; they may run side by side. */
export interface ForwardingPlan extends ForwardingChange {
  readonly bridge: readonly string[];
  readonly ip: readonly string[];
}

/**
 * `ownVtep` is never a destination. Of two remotes with one MAC or one address the later wins. Throws INVALID
 * for a MAC or address that is none.
 */
export function desiredForwarding(forwarding: Forwarding, ownVtep: string): ForwardingState {
  const tunnels = new Map<string, Set<string>>();
  const bridged = new Set<string>();
  const neighbours = new Map<string, string>();
  const flood = new Set<string>();
  for (const remote of forwarding.remotes) {
    const vtep = checkedAddress(remote.vtep);
    if (vtep === ownVtep) continue;
    const mac = parseMac(remote.mac);
    flood.add(vtep);
    tunnels.set(mac, new Set([vtep]));
    bridged.add(mac);
    for (const address of remote.addresses) neighbours.set(checkedAddress(address), mac);
    if (remote.addresses.some((address) => address.includes(':'))) neighbours.set(linkLocalOf(mac), mac);
  }
  if (flood.size > 0) tunnels.set(FLOOD_MAC, flood);
  return { tunnels, bridged, neighbours };
}

/**
 * The plan of equal states is empty. `ipv6` false: the kernel has no IPv6, so no neighbours of that family.
 */
export function planForwarding(
  observed: ForwardingState,
  desired: ForwardingState,
  local: LocalPorts,
  ipv6 = true,
): ForwardingPlan {
  const unicast = unicastLines(observed, desired, local);
  const flood = floodLines(observed, desired);
  const neighbours = neighbourLines(observed.neighbours, desired.neighbours, ipv6);
  return {
    bridge: [...unicast.add, ...flood.add, ...unicast.remove, ...flood.remove],
    ip: [...neighbours.add, ...neighbours.remove],
    added: unicast.add.length + flood.add.length + neighbours.add.length,
    removed: unicast.remove.length + flood.remove.length + neighbours.remove.length,
  };
}

interface Lines {
  readonly add: string[];
  readonly remove: string[];
}

/** A MAC that moves is replaced in place: there is no moment without it. */
function unicastLines(observed: ForwardingState, desired: ForwardingState, local: LocalPorts): Lines {
  const lines: Lines = { add: [], remove: [] };
  for (const [mac, [vtep]] of desired.tunnels) {
    if (mac === FLOOD_MAC) continue;
    const actual = observed.tunnels.get(mac);
    if (actual?.size === 1 && actual.has(vtep ?? '') && observed.bridged.has(mac)) continue;
    // More than one destination is nobody's doing of ours: a replacement would change only the first of them.
    if (actual && actual.size > 1) lines.add.push(`fdb del ${mac} dev ${VXLAN} self`);
    lines.add.push(`fdb replace ${mac} dev ${VXLAN} dst ${vtep} self master static`);
  }
  for (const mac of observed.tunnels.keys()) {
    if (mac !== FLOOD_MAC && !desired.tunnels.has(mac)) lines.remove.push(`fdb del ${mac} dev ${VXLAN} self`);
  }
  for (const mac of observed.bridged) {
    if (desired.bridged.has(mac)) continue;
    // Once no remote has it, a MAC of this host is this host's again.
    const port = local.get(mac);
    lines.remove.push(port ? localFdbLine(mac, port) : `fdb del ${mac} dev ${VXLAN} master`);
  }
  return lines;
}

function floodLines(observed: ForwardingState, desired: ForwardingState): Lines {
  const actual = observed.tunnels.get(FLOOD_MAC) ?? new Set();
  const wanted = desired.tunnels.get(FLOOD_MAC) ?? new Set();
  const entry = (verb: string, vtep: string) =>
    `fdb ${verb} ${FLOOD_MAC} dev ${VXLAN} dst ${vtep} self permanent`;
  return {
    add: [...wanted].filter((vtep) => !actual.has(vtep)).map((vtep) => entry('append', vtep)),
    remove: [...actual].filter((vtep) => !wanted.has(vtep)).map((vtep) => entry('del', vtep)),
  };
}

function neighbourLines(
  observed: ReadonlyMap<string, string>,
  desired: ReadonlyMap<string, string>,
  ipv6: boolean,
): Lines {
  const lines: Lines = { add: [], remove: [] };
  for (const [address, mac] of desired) {
    if (observed.get(address) === mac || (!ipv6 && address.includes(':'))) continue;
    lines.add.push(`neigh replace ${address} lladdr ${mac} dev ${BRIDGE} nud permanent`);
  }
  for (const address of observed.keys()) {
    if (!desired.has(address)) lines.remove.push(`neigh del ${address} dev ${BRIDGE}`);
  }
  return lines;
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
