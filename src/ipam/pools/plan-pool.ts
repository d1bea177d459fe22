/** The decision behind RequestPool: join a pool or create one. Pure. */
import { XnetError } from '../../errors.js';
import { bits, type Family, IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import { type AddressSpace, formatPoolKey, type PoolName } from '../../model/pool.js';
import { checkRange, checkSubnet } from './subnet-rules.js';

/** A range that subnets of `length` bits are cut from when the user names none. */
export interface DefaultPool {
  readonly range: Prefix;
  readonly length: number;
}

export interface PoolRequest {
  readonly space: AddressSpace;
  /** Family of the pool when no subnet is named. */
  readonly family: Family;
  readonly subnet?: Prefix;
  /** Docker's SubPool (--ip-range): belongs to this host's hold, other hosts may use another. */
  readonly range?: Prefix;
  readonly networkName?: string;
  /** See Hold. */
  readonly highestFirst?: true;
  /** For a swarm node's part in a network of swarm's: when the global space has this pool, the request joins that one. */
  readonly joinsGlobal?: true;
  /** Not to be overlapped by a subnet that xnet chooses: docker_gwbridge of every host, for instance. */
  readonly avoid?: readonly Prefix[];
}

export type PoolPlan =
  | { readonly action: 'join' | 'create'; readonly pool: PoolName }
  /** The subnet overlaps another plain pool. */
  | { readonly action: 'refuse'; readonly overlapped: PoolName };

/**
 * - A subnet that is a pool already: join it.
 * - A network's name without a subnet: join the pool of that name and family.
 * - No subnet: the lowest free one of `defaults`, clear of every pool of any space.
 * - A subnet for a named network may overlap others; a plain one may not.
 *
 * Throws INVALID, EXISTS (the named network has another subnet) and EXHAUSTED.
 */
export function planPool(
  request: PoolRequest,
  pools: readonly PoolName[],
  defaults: readonly DefaultPool[],
): PoolPlan {
  const { space, networkName, subnet, range } = request;
  if (subnet) checkSubnet(subnet);
  const ofNetwork = pools.find((pool) => isOfNetwork(pool, request));
  if (subnet && ofNetwork && !ofNetwork.subnet.equals(subnet)) {
    throw new XnetError(
      'EXISTS',
      `network ${networkName} has subnet ${ofNetwork.subnet}, not ${subnet}; use that one or another xnet.name`,
    );
  }
  const chosen = subnet ?? ofNetwork?.subnet ?? chooseSubnet(request, pools, defaults);
  if (range) checkRange(range, chosen);
  const pool = { space, subnet: chosen, ...(networkName === undefined ? {} : { networkName }) };
  const key = formatPoolKey(pool);
  if (pools.some((other) => formatPoolKey(other) === key)) return { action: 'join', pool };
  const overlapped = networkName === undefined && pools.find((other) => isPlainOverlap(other, pool));
  return overlapped ? { action: 'refuse', overlapped } : { action: 'create', pool };
}

function isOfNetwork(pool: PoolName, { space, networkName, subnet, family }: PoolRequest): boolean {
  if (networkName === undefined || pool.networkName !== networkName) return false;
  return pool.space === space && pool.subnet.family === (subnet?.family ?? family);
}

function isPlainOverlap(other: PoolName, pool: PoolName): boolean {
  return other.networkName === undefined && other.space === pool.space && other.subnet.overlaps(pool.subnet);
}

function chooseSubnet(
  { family, range, avoid = [] }: PoolRequest,
  pools: readonly PoolName[],
  defaults: readonly DefaultPool[],
): Prefix {
  if (range)
    throw new XnetError('INVALID', `range ${range} (--ip-range) needs the subnet it lies in (--subnet)`);
  const ofFamily = defaults.filter((pool) => pool.range.family === family);
  if (ofFamily.length === 0) {
    throw new XnetError(
      'INVALID',
      `no default pool for IPv${family} is configured; name a subnet (--subnet)`,
    );
  }
  const free = findFreeSubnet(ofFamily, [...pools.map(({ subnet }) => subnet), ...avoid]);
  if (free) return free;
  const ranges = ofFamily.map((pool) => `${pool.range} in /${pool.length}s`).join(', ');
  throw new XnetError(
    'EXHAUSTED',
    `no free subnet is left in the default pools (${ranges}), ${pools.length} pools are in use; ` +
      'remove unused networks, name a subnet (--subnet), or configure more default pools',
  );
}

/** The lowest subnet of the first default pool that has one free of all `obstacles`, or undefined. */
export function findFreeSubnet(
  defaults: readonly DefaultPool[],
  obstacles: readonly Prefix[],
): Prefix | undefined {
  for (const pool of defaults) {
    const free = lowestFree(pool, obstacles);
    if (free) return free;
  }
  return undefined;
}

/** One pass over the obstacles in order: each either lies beyond the candidate or pushes it up. */
function lowestFree({ range, length }: DefaultPool, obstacles: readonly Prefix[]): Prefix | undefined {
  const near = obstacles
    .filter((obstacle) => obstacle.overlaps(range))
    .sort((one, other) => (one.first.value < other.first.value ? -1 : 1));
  const size = 1n << BigInt(bits(range.family) - length);
  let start = range.first.value;
  for (const obstacle of near) {
    if (obstacle.first.value >= start + size) break;
    const after = obstacle.last.value + 1n;
    if (after > start) start = ((after + size - 1n) / size) * size;
  }
  if (start + size - 1n > range.last.value) return undefined;
  return Prefix.around(IpAddress.of(range.family, start), length);
}
