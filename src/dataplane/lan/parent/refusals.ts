/** Why an interface cannot be below the children of a LAN: what is wrong, with which interface, and what to do. */
import { isXnetError, XnetError } from '../../../errors.js';
import type { ListedLink } from '../../../native/netlink/links.js';
import type { LanSpec } from '../../modes.js';
import { isUp } from './find-parent.js';

const UNCHANGED = 'nothing was changed';

export function notFound(parent: string, networkId: string): XnetError {
  const remedy = `make ${parent}, or name the one that leads to the LAN in "parents" of xnet.json`;
  const message = `network ${networkId}: this host has no interface ${parent}; ${UNCHANGED}; ${remedy}`;
  return new XnetError('NOT_FOUND', message, { networkId, parent });
}

export function isDown(name: string, networkId: string): XnetError {
  const message = `network ${networkId}: the interface ${name} is down; ${UNCHANGED}; "ip link set ${name} up"`;
  return new XnetError('NOT_FOUND', message, { networkId, parent: name });
}

/** Throws UNSUPPORTED, IN_USE, NOT_FOUND. */
export function checkParent(link: ListedLink, networkId: string): void {
  const { ifname: name, master } = link;
  const fields = { networkId, parent: name };
  if (link.link_type !== 'ether') {
    const remedy = 'choose an interface with a MAC';
    const message = `network ${networkId}: ${name} is no Ethernet interface; ${UNCHANGED}; ${remedy}`;
    throw new XnetError('UNSUPPORTED', message, fields);
  }
  if (master !== undefined) {
    const message = `network ${networkId}: ${name} is a port of ${master}, which takes all its packets; ${UNCHANGED}; use -o parent=${master}`;
    throw new XnetError('IN_USE', message, { ...fields, master });
  }
  if (!isUp(link)) throw isDown(name, networkId);
}

export function tooLong(name: string, parent: string, vlan: number): XnetError {
  const remedy = `make one by hand, and xnet uses it: ip link add link ${parent} name vlan${vlan} type vlan id ${vlan}`;
  const message = `the sub-interface of VLAN ${vlan} on ${parent} would be called ${name}, which has over 15 characters; ${UNCHANGED}; ${remedy}`;
  return new XnetError('UNSUPPORTED', message, { parent, vlan });
}

export function nameTaken(name: string, parent: string, vlan: number): XnetError {
  const remedy = `remove it or give it another name ("ip link set ${name} name NEW")`;
  const message = `an interface ${name} is on this host already, but is not VLAN ${vlan} on ${parent}; ${UNCHANGED}; ${remedy}`;
  return new XnetError('IN_USE', message, { interface: name, parent, vlan });
}

export function childNameTaken(name: string, networkId: string): XnetError {
  const message = `the interface ${name} is on this host already, but is none of network ${networkId}; remove it with "ip link del ${name}"`;
  return new XnetError('IN_USE', message, { interface: name, networkId });
}

/** What the parent is used for already, as far as xnet knows. */
export interface OtherUse {
  readonly networkId: string;
  readonly mode: LanSpec;
}

/** `other`: a network that is on the parent as well, and with which this one cannot be there. */
export function parentTaken(
  networkId: string,
  mode: LanSpec,
  parent: string,
  other: OtherUse | undefined,
): XnetError {
  const holder = other
    ? `network ${other.networkId} (${describe(other.mode)}) is on it`
    : 'something else has it, such as a macvlan or ipvlan interface, or tcpdump-like packet handlers ("ip -d link")';
  const message = `network ${networkId} (${describe(mode)}) cannot be on ${parent}: ${holder}; ${UNCHANGED}; ${RULE}; use another parent or VLAN, or remove the other`;
  return new XnetError('IN_USE', message, { networkId, parent, other: other?.networkId });
}

const RULE =
  'one interface carries either macvlan or ipvlan, ipvlan in one mode and with one flag, and of macvlan passthru one endpoint alone';

export function describe(mode: LanSpec): string {
  return mode.kind === 'macvlan' ? `macvlan ${mode.submode}` : `ipvlan ${mode.submode}, ${mode.flag}`;
}

/** Of networks that cannot be on one parent: the kernel would give the second one's mode to the first (ipvlan), or refuses. */
export function isAtOdds(a: LanSpec, b: LanSpec): boolean {
  if (a.kind !== b.kind) return true;
  if (a.kind === 'ipvlan' && b.kind === 'ipvlan') return a.submode !== b.submode || a.flag !== b.flag;
  return a.submode === 'passthru' || b.submode === 'passthru';
}

const MODULES = {
  macvlan: ['macvlan', 'CONFIG_MACVLAN'],
  ipvlan: ['ipvlan', 'CONFIG_IPVLAN'],
  vlan: ['8021q', 'CONFIG_VLAN_8021Q'],
} as const;

/** The kernel's refusal of a kind of device that it lacks, in words with a remedy; any other error as it is. */
export function lacking(kind: keyof typeof MODULES, error: unknown): unknown {
  if (!isXnetError(error, 'UNSUPPORTED')) return error;
  const [module, option] = MODULES[kind];
  const what = kind === 'vlan' ? '802.1q' : kind;
  const remedy = `load it ("modprobe ${module}"), or use a kernel that has it`;
  const message = `this kernel has no ${what} (${option}); ${UNCHANGED}; ${remedy}`;
  return new XnetError('UNSUPPORTED', message, error.fields, { cause: error });
}

export function noHostReach(mode: LanSpec, networkId: string): XnetError {
  const [where, possible] =
    mode.parent === undefined
      ? ['without a parent', 'name one with -o parent']
      : [`with ${describe(mode)}`, 'use macvlan bridge, or ipvlan l3 or l3s with the flag bridge'];
  const message = `network ${networkId}: -o xnet.host=on is not possible ${where}; ${UNCHANGED}; ${possible}, or leave -o xnet.host out`;
  return new XnetError('UNSUPPORTED', message, { networkId });
}
