/**
 * src/inet: addresses, subnets and MAC addresses as values: parsed strictly, never changed, written in one canonical form.
 * Pure. Not in here: which of them is in use, and by whom.
 */
import { isIPv4 } from 'node:net';
import { Address4, Address6 } from 'ip-address';
import { XnetError } from '../errors.js';
import { quoted } from './quoted.js';

export type Family = 4 | 6;

/** An IPv4 or IPv6 address: a value, never changed. Zone ids and IPv4 shorthands (`127.1`) are refused. */
export class IpAddress {
  private constructor(
    readonly family: Family,
    readonly value: bigint,
  ) {}

  /** Throws INVALID unless `text` is one full address. */
  static parse(text: string): IpAddress {
    if (/^[0-9.]+$/.test(text) && Address4.isValid(text))
      return new IpAddress(4, new Address4(text).bigInt());
    if (/^[0-9a-fA-F:.]+$/.test(text) && Address6.isValid(text))
      return new IpAddress(6, new Address6(text).bigInt());
    throw new XnetError('INVALID', `${quoted(text)} is not an IP address; write it like 10.1.2.3 or fd00::3`);
  }

  /** `value` must fit the family. */
  static of(family: Family, value: bigint): IpAddress {
    if (value < 0n || value >= 1n << BigInt(bits(family))) {
      throw new XnetError('INVALID', `${value} does not fit an IPv${family} address`);
    }
    return new IpAddress(family, value);
  }

  equals(other: IpAddress): boolean {
    return this.family === other.family && this.value === other.value;
  }

  /** Canonical text (RFC 5952 for IPv6). */
  toString(): string {
    if (this.family === 4) return Address4.fromBigInt(this.value).correctForm();
    return Address6.fromBigInt(this.value).correctForm();
  }
}

/** Throws INVALID when one of the two is no address. */
export function isSameFamily(one: string, other: string): boolean {
  return familyOf(one) === familyOf(other);
}

/** Without the cost of its value where it is plainly IPv4. */
function familyOf(text: string): Family {
  return isIPv4(text) ? 4 : IpAddress.parse(text).family;
}

/** Length of an address in bits. */
export function bits(family: Family): number {
  return family === 4 ? 32 : 128;
}
