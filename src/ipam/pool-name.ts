/** The name of a pool, and its text form, the pool key. */
import { XnetError } from '../errors.js';
import { Prefix } from '../inet/prefix.js';
import { quoted } from '../inet/quoted.js';

/** Address spaces as Docker knows them: `local` for networks of local scope, `global` for swarm's. */
export const ADDRESS_SPACES = { local: 'xnet-local', global: 'xnet-global' } as const;

export type AddressSpace = (typeof ADDRESS_SPACES)[keyof typeof ADDRESS_SPACES];

/** Two pools of one name are the same pool, on all hosts. */
export interface PoolName {
  readonly space: AddressSpace;
  /** Set when the pool belongs to one named network alone (`--ipam-opt xnet.name=NAME`). */
  readonly networkName?: string;
  readonly subnet: Prefix;
}

const NETWORK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;

/** Throws INVALID for the name of any other space. */
export function parseAddressSpace(text: string): AddressSpace {
  const spaces = Object.values(ADDRESS_SPACES);
  const space = spaces.find((name) => name === text);
  if (space) return space;
  const known = spaces.join(' and ');
  throw new XnetError('INVALID', `${quoted(text)} is not an address space of xnet; there are ${known}`);
}

/** Returns `text`. Throws INVALID unless it may name a network (Docker's own rule for names, at most 128 characters). */
export function parseNetworkName(text: string): string {
  if (NETWORK_NAME.test(text)) return text;
  throw new XnetError(
    'INVALID',
    `${quoted(text)} cannot name a network; use letters, digits, _ . and -, at most 128, a letter or digit first`,
  );
}

/** `SPACE~SUBNET`, or `SPACE~NAME~SUBNET` for the pool of a named network. `~` is in none of the parts. */
export function formatPoolKey({ space, networkName, subnet }: PoolName): string {
  return [space, ...(networkName === undefined ? [] : [networkName]), subnet].join('~');
}

/** Throws INVALID unless `text` is what formatPoolKey makes. */
export function parsePoolKey(text: string): PoolName {
  const [space = '', ...rest] = text.split('~');
  const subnet = Prefix.parse(rest.pop() ?? '');
  const [networkName, ...extra] = rest;
  if (extra.length > 0) throw new XnetError('INVALID', `${quoted(text)} is not a pool key`);
  const name = { space: parseAddressSpace(space), subnet };
  return networkName === undefined ? name : { ...name, networkName: parseNetworkName(networkName) };
}

/** For people: `10.1.0.0/24`, with the network's name where the pool is its alone. */
export function showPool({ networkName, subnet }: PoolName): string {
  return networkName === undefined ? `${subnet}` : `${subnet} of network ${networkName}`;
}
