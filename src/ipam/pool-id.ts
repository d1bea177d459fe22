/**
 * The PoolID that Docker keeps for a network. It contains everything that later calls need, so they read nothing to
 * understand it. Docker treats it as opaque. Every RequestPool results in a unique one, except that all requests for
 * the cluster's hold (cluster-hold.ts) result in the same.
 */
import { randomBytes } from 'node:crypto';
import { XnetError } from '../errors.js';
import { Prefix } from '../inet/prefix.js';
import { quoted } from '../inet/quoted.js';
import { parseAddressSpace } from './address-space.js';
import { type PoolName, parseNetworkName } from './pool-name.js';

/** One host's hold on a pool, for one Docker network. */
export interface PoolReference extends PoolName {
  /** Automatic addresses come from here; without it from the whole subnet. */
  readonly range?: Prefix;
  /** Automatic addresses are the highest free ones: Docker's own IPAM takes the lowest, on another host. */
  readonly highestFirst?: true;
  /** 16 random hex digits. */
  readonly reference: string;
}

const LONGEST = 512;
const HIGHEST_FIRST = 'top';
const REFERENCE = /^[0-9a-f]{16}$/;

/** 64 random bits as hex: names a reference or a claim. */
export function randomToken(): string {
  return randomBytes(8).toString('hex');
}

/** A request. It comes again when the daemon was killed before it answered; what it created carries its id. */
export interface Request {
  /** 16 random hex digits. */
  readonly id: string;
  readonly repeated: boolean;
}

export function newRequest(): Request {
  return { id: randomToken(), repeated: false };
}

/** `SPACE~NAME~SUBNET~RANGE~REFERENCE`, then `~top` with `highestFirst`; name and range may be empty. */
export function formatPoolId(pool: PoolReference): string {
  const { space, networkName = '', subnet, range = '', reference, highestFirst } = pool;
  return [space, networkName, subnet, range, reference, ...(highestFirst ? [HIGHEST_FIRST] : [])].join('~');
}

/** Throws INVALID for anything that formatPoolId would not make. */
export function parsePoolId(text: string): PoolReference {
  try {
    return readPoolId(text);
  } catch (error: unknown) {
    throw new XnetError('INVALID', `${quoted(text)} is not a PoolID of xnet`, {}, { cause: error });
  }
}

function readPoolId(text: string): PoolReference {
  const parts = text.split('~');
  const [space = '', networkName = '', subnetText = '', rangeText = '', reference = '', order = ''] = parts;
  if (!REFERENCE.test(reference)) throw new XnetError('INVALID', 'it has no reference');
  const subnet = Prefix.parse(subnetText);
  const range = rangeText === '' ? undefined : Prefix.parse(rangeText);
  if (range && !subnet.covers(range)) throw new XnetError('INVALID', `${range} is not in ${subnet}`);
  const id = {
    space: parseAddressSpace(space),
    subnet,
    reference,
    ...(networkName === '' ? {} : { networkName: parseNetworkName(networkName) }),
    ...(range ? { range } : {}),
    ...(order === HIGHEST_FIRST ? { highestFirst: true as const } : {}),
  };
  if (text.length > LONGEST || formatPoolId(id) !== text)
    throw new XnetError('INVALID', 'it is not canonical');
  return id;
}
