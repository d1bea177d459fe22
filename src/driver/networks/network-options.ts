/**
 * The options of `docker network create -o` and `--ipam-opt`. What xnet does not carry out is refused by name, never
 * passed over in silence. Pure.
 */
import { PATH_VNI } from '../../dataplane/paths.js';
import { XnetError } from '../../errors.js';
import { MTU } from '../../model/fields.js';
import type { Mode } from '../../model/mode.js';
import { isNetworkName } from '../../model/pool.js';
import type { Protection } from '../../model/protection.js';
import { MODE_OPTIONS, parseMode } from './mode-options.js';
import { checkProtectable, PROTECTION_OPTIONS, parseEncrypt, parseProtection } from './protection-options.js';

/** Largest VXLAN network identifier of a network: the one after it, the last, is that of the paths between hosts. */
export const MAX_VNI = PATH_VNI - 1;

const MTU_OPTION = 'com.docker.network.driver.mtu';

/** Option -> what it does; shown by the error for an unknown one and checked against the documentation. */
export const NETWORK_OPTIONS = {
  'xnet.name': 'join the cluster network of this name, or create it',
  'xnet.id': 'join the cluster network of this id',
  'xnet.vni': 'VXLAN network identifier, 1 to 16777214',
  'xnet.multicast': 'on (default) or off: carry multicast between hosts',
  'xnet.mirror': 'on (default) or off: create the network on the other hosts too',
  [MTU_OPTION]: 'MTU of the containers in bytes',
  ...MODE_OPTIONS,
  ...PROTECTION_OPTIONS,
} as const;

type Flag = '-o' | '--ipam-opt';

const KNOWN: Readonly<Record<Flag, readonly string[]>> = {
  '-o': Object.keys(NETWORK_OPTIONS),
  '--ipam-opt': ['xnet.name', 'xnet.id'],
};

type Options = Readonly<Record<string, unknown>>;

type OptionMap = Readonly<Record<string, string>>;

const OF_GATEWAY =
  'is of bridge networks; outbound traffic and published ports are those of docker_gwbridge: create that one with it, before the first network of xnet';

/** What means something in other drivers, by name or its beginning, and what to do instead; the first that fits counts. */
const REMEDIES: readonly (readonly [string, string])[] = [
  [
    'com.docker.network.bridge.name',
    'is of bridge networks; each network of xnet has a bridge in a namespace of its own: leave it out',
  ],
  ['com.docker.network.bridge.', OF_GATEWAY],
  ['com.docker.network.host_ipv', OF_GATEWAY],
  [
    'com.docker.network.driver.overlay.vxlanid_list',
    "is of Docker's overlay; the identifier of a network of xnet is set with -o xnet.vni",
  ],
  [
    'com.docker.network.container_iface_prefix',
    'is of bridge networks; interfaces of containers are called eth0, eth1 and so on: leave it out',
  ],
  ['com.docker.network.internal', 'is not given as an option; use --internal'],
];

/** Read by Docker itself, of every driver's network (moby: daemon/network.go). */
const DOCKERS = ['com.docker.network.enable_ipv4', 'com.docker.network.enable_ipv6'];
/** Put there by swarm's managers, which use one map for all their calls (swarmkit: networkallocator.go). */
const DOCKERS_OF_IPAM = ['com.docker.network.ipam.serial', 'RequestAddressType'];

/** A network of the cluster by its name or its id. */
export interface NetworkReference {
  readonly name?: string | undefined;
  readonly id?: string | undefined;
}

export interface IpamOptions extends NetworkReference {
  /** What xnet does not carry out: see `checkForeign`. */
  readonly foreign?: OptionMap;
}

export interface NetworkOptions extends IpamOptions {
  readonly vni?: number;
  readonly multicast?: boolean;
  readonly mtu?: number;
  /** false: the network is for the host alone that creates it. */
  readonly mirror?: boolean;
  /** Without gateways, which are no options. */
  readonly mode?: Mode;
  readonly protection?: Protection;
  /** The network is not to be encrypted, though this host encrypts all that it creates. */
  readonly unencrypted?: true;
}

/** Throws INVALID naming option, value and rule. */
export function parseNetworkOptions(options: Options): NetworkOptions {
  refuseUnknown(options, '-o');
  const vni = parseVni(options);
  const mtu = parseNumber(options, MTU_OPTION, MTU.least, MTU.most);
  const multicast = parseSwitch(options, 'xnet.multicast');
  const mirror = parseSwitch(options, 'xnet.mirror');
  const mode = parseMode((option) => textOf(options, option));
  checkProtectable((option) => textOf(options, option), mode?.kind);
  const protection = parseProtection((option) => textOf(options, option));
  const encrypt = parseEncrypt((option) => textOf(options, option));
  return {
    ...parseIpamOptions(options, '-o'),
    ...(vni !== undefined && { vni }),
    ...(mtu !== undefined && { mtu }),
    ...(multicast !== undefined && { multicast }),
    ...(mirror !== undefined && { mirror }),
    ...(mode && { mode }),
    ...(protection && { protection }),
    ...(encrypt === false && { unencrypted: true as const }),
  };
}

/** The same for `--ipam-opt`, and for what `-o` has in common with it. */
export function parseIpamOptions(options: Options, flag: Flag = '--ipam-opt'): IpamOptions {
  refuseUnknown(options, flag);
  const name = textOf(options, 'xnet.name');
  const id = textOf(options, 'xnet.id');
  if (name !== undefined && !isNetworkName(name)) {
    throw invalid(
      'xnet.name',
      name,
      'begin with a letter or digit; up to 128 letters, digits, "_", "." and "-"',
    );
  }
  if (id !== undefined && !/^[0-9a-f]{12}$/.test(id)) {
    throw invalid('xnet.id', id, 'be 12 hex digits, as `xnet status` shows them');
  }
  if (name !== undefined && id !== undefined) {
    throw new XnetError('INVALID', `give ${flag} xnet.name or ${flag} xnet.id, not both`);
  }
  const passed = [...KNOWN[flag], ...DOCKERS, ...DOCKERS_OF_IPAM];
  const foreign = Object.entries(options).filter(([key]) => !passed.includes(key));
  return {
    ...(name !== undefined && { name }),
    ...(id !== undefined && { id }),
    ...(foreign.length > 0 && {
      foreign: Object.fromEntries(foreign.map(([key, value]) => [key, textOf(options, key) ?? `${value}`])),
    }),
  };
}

/**
 * Throws INVALID for options that xnet does not carry out, naming one and what to do instead, unless the network that is
 * joined was made with them (`made`), by an xnet that passed them over: every host can still have its copy.
 */
export function checkForeign({ foreign = {} }: IpamOptions, made: OptionMap = {}, flag: Flag = '-o'): void {
  const keys = Object.keys(foreign);
  if (keys.every((key) => made[key] === foreign[key])) return;
  for (const key of keys) {
    const remedy = flag === '-o' && REMEDIES.find(([start]) => key.startsWith(start))?.[1];
    if (remedy) throw new XnetError('INVALID', `option ${flag} ${key} ${remedy}`);
  }
  throw unknownOptions(keys, flag);
}

function refuseUnknown(options: Options, flag: Flag): void {
  const keys = Object.keys(options).filter((key) => key.startsWith('xnet.') && !KNOWN[flag].includes(key));
  if (keys.length > 0) throw unknownOptions(keys, flag);
}

function unknownOptions(keys: readonly string[], flag: Flag): XnetError {
  const known = KNOWN[flag].join(', ');
  return new XnetError('INVALID', `unknown option ${flag} ${keys.join(', ')}; known are ${known}`);
}

/** A network to which an older xnet gave the VNI of the paths is on all hosts, with that option. A new one is refused in `newVni`. */
function parseVni(options: Options): number | undefined {
  if (options['xnet.vni'] === `${PATH_VNI}`) return PATH_VNI;
  return parseNumber(options, 'xnet.vni', 1, MAX_VNI);
}

/** Of a new network, as asked for. Throws INVALID for that of the paths. */
export function newVni({ vni }: NetworkOptions): number | undefined {
  if (vni !== PATH_VNI) return vni;
  throw invalid('xnet.vni', `${vni}`, `be a whole number from 1 to ${MAX_VNI}`);
}

function parseNumber(
  options: Options,
  key: keyof typeof NETWORK_OPTIONS,
  least: number,
  most: number,
): number | undefined {
  const text = textOf(options, key);
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw invalid(key, text, `be a whole number from ${least} to ${most}`);
}

function parseSwitch(options: Options, key: keyof typeof NETWORK_OPTIONS) {
  const text = textOf(options, key);
  if (text === undefined || text === 'on' || text === 'off')
    return text === undefined ? undefined : text === 'on';
  throw invalid(key, text, 'be on or off');
}

function textOf(options: Options, key: string): string | undefined {
  const value = options[key];
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function invalid(key: string, value: string, rule: string): XnetError {
  const shown = value.length > 80 ? `${value.slice(0, 80)}...` : value;
  return new XnetError('INVALID', `option ${key}=${shown} must ${rule}`);
}
