import fc from 'fast-check';
import { bits, type Family, IpAddress } from '../../../src/inet/ip-address.js';
import { Prefix } from '../../../src/inet/prefix.js';

const families = fc.constantFrom<Family>(4, 6);

export const addresses = families.chain((family) =>
  fc.bigInt({ min: 0n, max: (1n << BigInt(bits(family))) - 1n }).map((value) => IpAddress.of(family, value)),
);

export const prefixes = addresses.chain((address) =>
  fc.integer({ min: 0, max: bits(address.family) }).map((length) => Prefix.around(address, length)),
);

/** Prefixes that often touch each other. */
export const nearPrefixes = fc
  .record({ value: fc.bigInt({ min: 0n, max: 255n }), length: fc.integer({ min: 24, max: 32 }) })
  .map(({ value, length }) => Prefix.around(IpAddress.of(4, (10n << 24n) + value), length));
