import { bits, IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';

/** A range that subnets of `length` bits are cut from when the user names none. */
export interface DefaultPool {
  readonly range: Prefix;
  readonly length: number;
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
