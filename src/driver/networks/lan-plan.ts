/** Decisions about a network that is on a LAN: its routers, its parent, what goes with `--internal`. Pure. */
import { canHostReach } from '../../dataplane/lan-reading.js';
import { XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import type { LanMode, Mode } from '../../model/mode.js';
import type { GivenPool, JoinedEndpoint } from '../collaborators.js';

export function isLan(mode: Mode | undefined): mode is LanMode {
  return mode?.kind === 'macvlan' || mode?.kind === 'ipvlan';
}

/** Its containers are on a segment that is there without xnet; the subnet is that of the segment. */
export function isOnSegment(mode: Mode | undefined): boolean {
  return isLan(mode) && mode.parent !== undefined;
}

export interface LanCreation {
  readonly internal: boolean;
  readonly subnets: readonly { readonly gateway?: string | undefined }[];
  /** A gateway is there only where the user gave one with an internal network (Docker 28 and later). */
  readonly asksForGateways: boolean;
}

/** The mode of a new network, with its gateways. Throws INVALID naming option, value, rule and remedy. */
export function completeMode(mode: Mode, { internal, subnets, asksForGateways }: LanCreation): Mode {
  if (!isLan(mode)) return mode;
  const given = subnets.flatMap(({ gateway }) => gateway ?? []);
  const gateways = given.map((text) => `${Prefix.parseInterface(text).address}`);
  if (!internal) {
    if (mode.parent === undefined) throw withoutParent(mode);
    if (mode.host && !canHostReach(mode)) throw withoutReach(mode);
    return { ...mode, gateways };
  }
  if (mode.host) {
    throw new XnetError(
      'INVALID',
      'option -o xnet.host=on does not go with --internal, which keeps containers apart from the host: leave one out',
    );
  }
  if (asksForGateways && gateways.length > 0) {
    throw new XnetError(
      'INVALID',
      `--gateway ${gateways.join(' and ')} does not go with --internal, which has no way out of the network: leave one out`,
    );
  }
  return { ...mode, gateways: [] };
}

/** Names of LANs -> the interfaces of this host that lead to them. */
export type Parents = Readonly<Partial<Record<string, string>>>;

/** A mode as its record has it, or as the kernel's. */
type ModeLike =
  | { readonly kind: string; readonly parent?: string | undefined; readonly vlan?: number | undefined }
  | Mode;

/** The interface of a host by which a LAN is reached. */
export interface Parent {
  readonly interface: string;
  /** In bytes. */
  readonly mtu: number;
  /** As LanParent. */
  readonly unfit?: string;
}

/** Throws NOT_FOUND or INVALID for a new network that the host where it is created could not use. `found`: its parent there. */
export function checkParent(mode: LanMode, mtu: number | undefined, found: Parent | undefined): void {
  if (mode.parent === undefined) return;
  if (!found) {
    throw new XnetError(
      'NOT_FOUND',
      `option -o parent=${mode.parent} must name an interface of this host, or a LAN of its \`parents\` setting, and there is none; name one that \`ip link\` shows, or create the network on a host that has it`,
    );
  }
  if (found.unfit !== undefined)
    throw new XnetError('INVALID', `option -o parent=${mode.parent} cannot be: ${found.unfit}`);
  if (mtu === undefined || mtu <= found.mtu) return;
  throw new XnetError(
    'INVALID',
    `option com.docker.network.driver.mtu=${mtu} must be at most ${found.mtu}, the MTU of ${found.interface}: choose a smaller one, or leave it out`,
  );
}

/**
 * Throws INVALID for a gateway in a subnet that xnet has chosen: no router of the LAN has that address, so that the default route of
 * containers would lead to nobody.
 */
export function refuseChosen({ parent, gateways }: LanMode, given: readonly GivenPool[]): void {
  const chosen = given.flatMap(({ subnet, isChosen }) => (isChosen ? Prefix.parse(subnet) : []));
  const isNobodys = (subnet: Prefix) => gateways.some((each) => subnet.contains(IpAddress.parse(each)));
  const subnet = parent === undefined ? undefined : chosen.find(isNobodys);
  if (!subnet) return;
  const [option, instead] =
    subnet.family === 6
      ? ['--ipv6', ', or leave --ipv6 out']
      : [`-o parent=${parent}`, ', or --internal for a network without a way out'];
  throw new XnetError(
    'INVALID',
    `option ${option} needs the subnet of the LAN, in which its router is; xnet could only choose one that no device has (${subnet}): add --subnet and --gateway as the LAN has them${instead}`,
  );
}

/**
 * The mode as one host has it: the name of a LAN stands for the interface that `parents` has for it, which may be that of a VLAN,
 * as in `-o parent`.
 */
export function onHost<M extends ModeLike | undefined>(mode: M, parents: Parents = {}): M {
  if (!mode || !('parent' in mode) || mode.parent === undefined) return mode;
  const parent = Object.hasOwn(parents, mode.parent) ? parents[mode.parent] : undefined;
  if (parent === undefined) return mode;
  const [, base = parent, vlan] = /^(.+)\.(\d{1,4})$/.exec(parent) ?? [];
  if (vlan === undefined || mode.vlan !== undefined) return { ...mode, parent };
  return { ...mode, parent: base, vlan: Number(vlan) };
}

/** What Docker shall do for containers of the network: the LAN's routers are their way out, docker_gwbridge never is. */
export function wayOut(mode: Mode): Pick<JoinedEndpoint, 'gateways' | 'isApart'> {
  if (!isLan(mode)) return {};
  return mode.gateways.length > 0 ? { gateways: mode.gateways } : { isApart: true };
}

/** False: all containers of a host have the MAC of its interface. */
export function hasOwnMacs(mode: Mode): boolean {
  return mode.kind !== 'ipvlan';
}

/** Throws INVALID for a MAC that the user gave where containers have that of the host's interface. */
export function refuseMac(mode: Mode, mac: string | undefined): void {
  if (hasOwnMacs(mode) || mac === undefined) return;
  throw new XnetError(
    'INVALID',
    `--mac-address ${mac} does not go with xnet.mode=ipvlan, whose containers have the MAC address of the host's interface: leave it out, or create the network with -o xnet.mode=macvlan`,
  );
}

function withoutReach(mode: LanMode): XnetError {
  const given =
    mode.kind === 'macvlan'
      ? `macvlan_mode=${mode.submode}`
      : `ipvlan_mode=${mode.submode} and ipvlan_flag=${mode.flag}`;
  return new XnetError(
    'INVALID',
    `option -o xnet.host=on does not go with ${given}, in which the kernel passes no packets between the host and its containers: choose macvlan_mode=bridge, or ipvlan_mode=l3 or l3s with ipvlan_flag=bridge, or leave xnet.host out`,
  );
}

function withoutParent({ kind }: LanMode): XnetError {
  return new XnetError(
    'INVALID',
    `option -o xnet.mode=${kind} needs the interface of the hosts that leads to the LAN: add -o parent=INTERFACE, or --internal for a network inside each host`,
  );
}
