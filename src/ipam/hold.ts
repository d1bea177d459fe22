/**
 * A hold on a pool, and its text form, the PoolID that Docker keeps for a network. The PoolID contains everything that
 * later calls need, so they read nothing to understand it. In records a hold is named by its id, as a `reference`.
 *
 * The holder is a host, or the cluster. A host's hold is for one Docker network: every RequestPool results in a new
 * one. In the global space a manager of swarm's requests a pool once for all hosts, and after a change of leader
 * another manager requests it again. So that hold belongs to the cluster, and all requests result in the same PoolID.
 * The cluster's hold differs from a host's in this (`isOfCluster`):
 * - It is not given back while a network has the pool, nor because one request for it had no answer; it records the
 *   request that made it (pools.ts, pool-entries.ts).
 * - An address that it holds belongs to the cluster, also while an endpoint has it: a manager may request it again, and
 *   release it at any time (addresses/). No host holds any in reserve (reserves.ts), or writes one while the store is away.
 * - What no manager requests again after a change of leader is given back (takeovers.ts).
 */
import { createHash, randomBytes } from 'node:crypto';
import { XnetError } from '../errors.js';
import { Prefix } from '../inet/prefix.js';
import { quoted } from '../inet/quoted.js';
import { CLUSTER, type Holder } from '../model/address.js';
import { keys } from '../model/keys.js';
import {
  ADDRESS_SPACES,
  formatPoolKey,
  type PoolName,
  parseAddressSpace,
  parseNetworkName,
} from '../model/pool.js';

export interface Hold extends PoolName {
  /** 16 hex digits: random, or of the cluster's hold derived from the pool. */
  readonly id: string;
  readonly poolKey: string;
  readonly isOfCluster: boolean;
  /** Automatic addresses come from here; without it from the whole subnet. */
  readonly range?: Prefix;
  /** Automatic addresses are the highest free ones: Docker's own IPAM takes the lowest, on another host. */
  readonly highestFirst?: true;
}

const LONGEST = 512;
const HIGHEST_FIRST = 'top';
const ID = /^[0-9a-f]{16}$/;

/** A request. It comes again when the daemon was killed before it answered; what it created carries its id. */
export interface Request {
  /** 16 random hex digits. */
  readonly id: string;
  readonly repeated: boolean;
}

export function newRequest(): Request {
  return { id: randomToken(), repeated: false };
}

/** 64 random bits as hex: names a hold or a claim. */
export function randomToken(): string {
  return randomBytes(8).toString('hex');
}

/** The hold with this id; the cluster's, where the pool has one by that id. */
export function holdOn(
  pool: PoolName,
  id: string,
  { range, highestFirst }: Pick<Hold, 'range' | 'highestFirst'> = {},
): Hold {
  const { space, networkName, subnet } = pool;
  return {
    ...{ space, subnet, id, poolKey: formatPoolKey(pool) },
    isOfCluster: space === ADDRESS_SPACES.global && id === clusterHoldId(pool),
    ...(networkName !== undefined && { networkName }),
    ...(range && { range }),
    ...(highestFirst && { highestFirst }),
  };
}

/** The cluster's hold on a pool of the global space. */
export function clusterHold(pool: PoolName): Hold {
  return holdOn(pool, clusterHoldId(pool));
}

export function clusterHoldId(pool: PoolName): string {
  return createHash('sha256').update(formatPoolKey(pool)).digest('hex').slice(0, 16);
}

/** Who has the hold: this host, or the cluster. */
export function holderOf({ isOfCluster }: Hold, host: Holder): Holder {
  return isOfCluster ? CLUSTER : host;
}

/** Where the hold is in the store. */
export function holdKey(hold: Hold, host: Holder): string {
  return keys.poolReference(hold.poolKey, holderOf(hold, host).hostId, hold.id);
}

/** Where this host looks for the hold, also while the store is away: its own under its own id. */
export function ownHoldKey(hold: Hold, host: Holder): string {
  return hold.isOfCluster ? holdKey(hold, host) : keys.holdTwin(hold.poolKey, host.hostId, hold.id);
}

/** `SPACE~NAME~SUBNET~RANGE~ID`, then `~top` with `highestFirst`; name and range may be empty. */
export function formatPoolId(hold: Hold): string {
  const { space, networkName = '', subnet, range = '', id, highestFirst } = hold;
  return [space, networkName, subnet, range, id, ...(highestFirst ? [HIGHEST_FIRST] : [])].join('~');
}

/** What a PoolID of this host's own records names, unchecked: a host has thousands. */
export function splitPoolId(poolId: string): { readonly poolKey: string; readonly id: string } {
  const [space = '', networkName = '', subnet = '', , id = ''] = poolId.split('~');
  return { poolKey: [space, ...(networkName === '' ? [] : [networkName]), subnet].join('~'), id };
}

/** Throws INVALID for anything that formatPoolId would not make. */
export function parsePoolId(text: string): Hold {
  try {
    return readPoolId(text);
  } catch (error: unknown) {
    throw new XnetError('INVALID', `${quoted(text)} is not a PoolID of xnet`, {}, { cause: error });
  }
}

/** undefined where `parsePoolId` would throw: a binding may name what no xnet made. */
export function findPoolId(text: string): Hold | undefined {
  try {
    return readPoolId(text);
  } catch {
    return undefined;
  }
}

function readPoolId(text: string): Hold {
  const [space = '', networkName = '', subnetText = '', rangeText = '', id = '', order = ''] =
    text.split('~');
  if (!ID.test(id)) throw new XnetError('INVALID', 'it has no reference');
  const subnet = Prefix.parse(subnetText);
  const range = rangeText === '' ? undefined : Prefix.parse(rangeText);
  if (range && !subnet.covers(range)) throw new XnetError('INVALID', `${range} is not in ${subnet}`);
  const pool = {
    space: parseAddressSpace(space),
    subnet,
    ...(networkName !== '' && { networkName: parseNetworkName(networkName) }),
  };
  const more = { ...(range && { range }), ...(order === HIGHEST_FIRST && { highestFirst: true as const }) };
  const hold = holdOn(pool, id, more);
  if (text.length > LONGEST || formatPoolId(hold) !== text)
    throw new XnetError('INVALID', 'it is not canonical');
  return hold;
}
