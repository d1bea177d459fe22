/** The options of `docker network create -o` and `--ipam-opt` that xnet knows. Pure. */
import { XnetError } from '../../errors.js';
import { areOfNetwork, foreignOptions, type OptionMap, refuseForeign } from './foreign-options.js';

/** Largest VXLAN network identifier (RFC 7348: 24 bits). */
export const MAX_VNI = 2 ** 24 - 1;

const MTU_OPTION = 'com.docker.network.driver.mtu';

/** Option -> what it does; shown by the error for an unknown one and checked against the documentation. */
export const NETWORK_OPTIONS = {
  'xnet.name': 'join the cluster network of this name, or create it',
  'xnet.id': 'join the cluster network of this id',
  'xnet.vni': 'VXLAN network identifier, 1 to 16777215',
  'xnet.multicast': 'on (default) or off: carry multicast between hosts',
  'xnet.mirror': 'on (default) or off: create the network on the other hosts too',
  [MTU_OPTION]: 'MTU of the containers in bytes',
} as const;

/** Those of `--ipam-opt`. */
const IPAM_OPTIONS = {
  'xnet.name': NETWORK_OPTIONS['xnet.name'],
  'xnet.id': NETWORK_OPTIONS['xnet.id'],
} as const;

/** A network of the cluster by its name or its id. */
export interface NetworkReference {
  readonly name?: string | undefined;
  readonly id?: string | undefined;
}

export interface NetworkOptions extends NetworkReference {
  readonly vni?: number;
  readonly multicast?: boolean;
  readonly mtu?: number;
  /** false: the network is for the host alone that creates it. */
  readonly mirror?: boolean;
  /** What xnet does not carry out: see `checkForeign`. */
  readonly foreign?: OptionMap;
}

export interface IpamOptions extends NetworkReference {
  readonly foreign?: OptionMap;
}

/** Throws INVALID naming option, value and rule. */
export function parseNetworkOptions(options: Readonly<Record<string, unknown>>): NetworkOptions {
  refuseUnknown(options, NETWORK_OPTIONS, '-o');
  const vni = parseNumber(options, 'xnet.vni', 1, MAX_VNI);
  const mtu = parseNumber(options, MTU_OPTION, 576, 65_485);
  const multicast = parseSwitch(options, 'xnet.multicast');
  const mirror = parseSwitch(options, 'xnet.mirror');
  return {
    ...parseNetworkReference(options, '-o'),
    ...(vni !== undefined && { vni }),
    ...(mtu !== undefined && { mtu }),
    ...(multicast !== undefined && { multicast }),
    ...(mirror !== undefined && { mirror }),
    ...withForeign(options, NETWORK_OPTIONS),
  };
}

/** The same for `--ipam-opt`. */
export function parseIpamOptions(options: Readonly<Record<string, unknown>>): IpamOptions {
  refuseUnknown(options, IPAM_OPTIONS, '--ipam-opt');
  return { ...parseNetworkReference(options, '--ipam-opt'), ...withForeign(options, IPAM_OPTIONS) };
}

/**
 * Throws INVALID for `-o` options that xnet does not carry out, unless the network that is joined was made with them
 * (`made`), by an xnet that passed them over: every host can still have its copy.
 */
export function checkForeign({ foreign = {} }: NetworkOptions, made?: OptionMap): void {
  if (!areOfNetwork(foreign, made)) refuseForeign(foreign, NETWORK_OPTIONS, '-o');
}

/** The same for `--ipam-opt`. */
export function checkForeignIpam({ foreign = {} }: IpamOptions, made?: OptionMap): void {
  if (!areOfNetwork(foreign, made)) refuseForeign(foreign, IPAM_OPTIONS, '--ipam-opt');
}

function withForeign(options: Readonly<Record<string, unknown>>, known: object): { foreign?: OptionMap } {
  const foreign = foreignOptions(options, known);
  return Object.keys(foreign).length === 0 ? {} : { foreign };
}

function parseNetworkReference(options: Readonly<Record<string, unknown>>, flag: string): NetworkReference {
  const name = textOf(options, 'xnet.name');
  const id = textOf(options, 'xnet.id');
  if (name !== undefined && !/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(name)) {
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
  return { ...(name !== undefined && { name }), ...(id !== undefined && { id }) };
}

function refuseUnknown(options: Readonly<Record<string, unknown>>, known: object, flag: string): void {
  const unknown = Object.keys(options).filter((key) => key.startsWith('xnet.') && !(key in known));
  if (unknown.length === 0) return;
  throw new XnetError(
    'INVALID',
    `unknown option ${flag} ${unknown.join(', ')}; known are ${Object.keys(known).join(', ')}`,
  );
}

function parseNumber(
  options: Readonly<Record<string, unknown>>,
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

function parseSwitch(options: Readonly<Record<string, unknown>>, key: keyof typeof NETWORK_OPTIONS) {
  const text = textOf(options, key);
  if (text === undefined || text === 'on' || text === 'off')
    return text === undefined ? undefined : text === 'on';
  throw invalid(key, text, 'be on or off');
}

function textOf(options: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const value = options[key];
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function invalid(key: string, value: string, rule: string): XnetError {
  const shown = value.length > 80 ? `${value.slice(0, 80)}...` : value;
  return new XnetError('INVALID', `option ${key}=${shown} must ${rule}`);
}
