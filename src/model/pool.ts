/** A subnet from which addresses are given, and the holds of hosts on it, which the store's keys and records call references. */
import { z } from 'zod';
import { XnetError } from '../errors.js';
import { Prefix } from '../inet/prefix.js';
import { quoted } from '../inet/quoted.js';
import { id, parsedBy, subnet } from './fields.js';
import { hasParts, keyPart, parsePart, placed, version, versioned } from './record.js';

export const poolKeys = {
  /** Written with each pool that comes or goes, removed with the last: nobody chooses a subnet by an old list. */
  poolGuard: () => 'pool-guard',
  pool: (poolKey: string) => `pools/${keyPart(poolKey)}`,
  pools: () => 'pools/',
  /** Written with each new hold, so that the remover of a pool sees that one came in between. */
  poolReferenceGuard: (poolKey: string) => `pool-reference-guards/${keyPart(poolKey)}`,
  poolReferenceGuards: () => 'pool-reference-guards/',
  poolReference: (poolKey: string, hostId: string, reference: string) =>
    `pool-references/${keyPart(poolKey)}/${keyPart(hostId)}/${keyPart(reference)}`,
  poolReferencesOf: (poolKey: string) => `pool-references/${keyPart(poolKey)}/`,
  poolReferences: () => 'pool-references/',
  /** Of one host. */
  poolReferencesOfHost: (poolKey: string, hostId: string) =>
    `pool-references/${keyPart(poolKey)}/${keyPart(hostId)}/`,
  /** On the pools of the global space; the cluster's are among them. */
  globalPoolReferences: () => 'pool-references/xnet-global~',
} as const;

/** As `formatPoolKey` makes it. */
export const poolKey = parsedBy((text) => parsePoolKey(text));

export const poolRecord = versioned({
  version,
  /** Address space: xnet-local or xnet-global. */
  space: z.string(),
  /** Set when the pool belongs to one named network; such pools may overlap with others. */
  networkName: z.string().optional(),
  subnet,
});
export type PoolRecord = z.infer<typeof poolRecord>;

export const poolReferenceRecord = placed(
  versioned({
    version,
    poolKey,
    hostId: id,
    hostName: z.string(),
    /** Part of the PoolID given to Docker. Unique for each RequestPool; all requests for the cluster's hold have the same. */
    reference: id,
    /** Of the cluster's hold: the request that made it. */
    request: z.string().optional(),
  }),
  (key, record) => hasParts(key, record.poolKey, record.hostId, record.reference),
);
export type PoolReferenceRecord = z.infer<typeof poolReferenceRecord>;

/** Whether it is the key of a hold of the host. */
export function isHoldOf(key: string, hostId: string): boolean {
  return key.startsWith(poolKeys.poolReferences()) && key.split('/')[2] === keyPart(hostId);
}

/** What `keys.pool` was made of; undefined for any other key. */
export function parsePoolRecordKey(key: string): string | undefined {
  return parsePart(key.slice(poolKeys.pools().length));
}

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

/** Docker's own rule for names, and at most 128 characters. */
export function isNetworkName(text: string): boolean {
  return NETWORK_NAME.test(text);
}

/** Returns `text`. Throws INVALID unless it may name a network. */
export function parseNetworkName(text: string): string {
  if (isNetworkName(text)) return text;
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

export function isGlobalPool(poolKey: string): boolean {
  return poolKey.startsWith(`${ADDRESS_SPACES.global}~`);
}

/** The key of the pool of a network whose subnet Docker's own IPAM chose; no other network uses it. */
export function ownPoolKey(networkId: string, subnet: string): string {
  return formatPoolKey({ space: ADDRESS_SPACES.local, networkName: networkId, subnet: Prefix.parse(subnet) });
}

/** For people: `10.1.0.0/24`, with the network's name where the pool is its alone. */
export function showPool({ networkName, subnet }: PoolName): string {
  return networkName === undefined ? `${subnet}` : `${subnet} of network ${networkName}`;
}

/** A hold on a pool, in plain texts. */
export interface PoolHold {
  /** With the range where it was just requested, without it where it was read from the store: the hold is the same. */
  readonly poolId: string;
  /** Its id: the part of the PoolID that is unique for each RequestPool. */
  readonly hold: string;
  readonly poolKey: string;
  /** In which it is requested. */
  readonly addressSpace: string;
  readonly subnet: string;
  /** Set when the pool belongs to one network alone: its name, or its id. */
  readonly networkName?: string;
}
