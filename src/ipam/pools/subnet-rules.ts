/** Which subnets make a pool, and which of a subnet's addresses may be used. */
import { XnetError } from '../../errors.js';
import { bits, IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import { findUnusable } from '../../inet/unusable.js';

/** A pool needs a network address, a gateway and one host; a broadcast address comes on top for IPv4. */
const SMALLEST_HOST_BITS = 2;

/** Throws INVALID unless addresses for containers can be taken from `subnet`. */
export function checkSubnet(subnet: Prefix): void {
  const longest = bits(subnet.family) - SMALLEST_HOST_BITS;
  if (subnet.length > longest) {
    const larger = Prefix.around(subnet.first, longest);
    throw new XnetError('INVALID', `subnet ${subnet} is too small; use ${larger} or larger`);
  }
  const unusable = findUnusable(subnet);
  if (unusable) {
    throw new XnetError('INVALID', `subnet ${subnet} overlaps ${unusable}, which containers cannot use`);
  }
}

/** Throws INVALID unless `range` (Docker's --ip-range) lies in `subnet`. */
export function checkRange(range: Prefix, subnet: Prefix): void {
  if (subnet.covers(range)) return;
  throw new XnetError('INVALID', `range ${range} (--ip-range) does not lie in subnet ${subnet}`);
}

/** Throws INVALID unless a container or gateway may have `address` in `subnet`. */
export function checkAddress(address: IpAddress, subnet: Prefix): void {
  if (!subnet.contains(address)) {
    throw new XnetError('INVALID', `address ${address} does not lie in subnet ${subnet}`);
  }
  // The first address of an IPv6 subnet is every router's (RFC 4291, 2.6.1).
  if (address.equals(subnet.first)) {
    throw new XnetError('INVALID', `address ${address} is the network address of ${subnet}`);
  }
  if (subnet.family === 4 && address.equals(subnet.last)) {
    throw new XnetError('INVALID', `address ${address} is the broadcast address of ${subnet}`);
  }
}

/** The address a gateway gets when none is named; never chosen for an endpoint. */
export function firstHost(subnet: Prefix): IpAddress {
  return IpAddress.of(subnet.family, subnet.first.value + 1n);
}

/** Addresses from `first` to `last`, both included; none when `last` is smaller. */
export interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Where automatic addresses of endpoints come from: the range, without the network address, the broadcast address and
 * the first host address, which is for the gateway.
 */
export function automaticSpan(subnet: Prefix, range: Prefix = subnet): Span {
  const lowest = firstHost(subnet).value + 1n;
  const highest = subnet.family === 4 ? subnet.last.value - 1n : subnet.last.value;
  const first = range.first.value < lowest ? lowest : range.first.value;
  const last = range.last.value > highest ? highest : range.last.value;
  return { first, last };
}

export function isWithin({ first, last }: Span, address: bigint): boolean {
  return address >= first && address <= last;
}
