import { XnetError } from '../errors.js';
import { bits, type Family, IpAddress } from './ip-address.js';
import { quoted } from './quoted.js';

/** An IP subnet in canonical form (no host bits set): a value, never changed. */
export class Prefix {
  private constructor(
    readonly first: IpAddress,
    readonly length: number,
  ) {}

  /** Throws INVALID unless `text` is `ADDRESS/LENGTH` with no host bits set; the message names the canonical form. */
  static parse(text: string): Prefix {
    const { address, prefix } = Prefix.parseInterface(text);
    if (!address.equals(prefix.first)) {
      throw new XnetError('INVALID', `subnet ${text} has host bits set; did you mean ${prefix}?`);
    }
    return prefix;
  }

  /** Reads an interface address such as `10.1.2.3/24`: the address and the subnet around it. */
  static parseInterface(text: string): { address: IpAddress; prefix: Prefix } {
    const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
    if (!match?.[1] || !match[2])
      throw new XnetError('INVALID', `${quoted(text)} is not ADDRESS/LENGTH, as in 10.1.2.0/24`);
    const address = IpAddress.parse(match[1]);
    return { address, prefix: Prefix.around(address, Number(match[2])) };
  }

  /** The subnet of `length` bits that holds `address`. */
  static around(address: IpAddress, length: number): Prefix {
    const hostBits = bits(address.family) - length;
    if (hostBits < 0) {
      throw new XnetError(
        'INVALID',
        `/${length} is too long for IPv${address.family}, at most /${bits(address.family)}`,
      );
    }
    const shift = BigInt(hostBits);
    return new Prefix(IpAddress.of(address.family, (address.value >> shift) << shift), length);
  }

  get family(): Family {
    return this.first.family;
  }

  /** Number of addresses, network and broadcast address included. */
  get size(): bigint {
    return 1n << BigInt(bits(this.family) - this.length);
  }

  get last(): IpAddress {
    return IpAddress.of(this.family, this.first.value + this.size - 1n);
  }

  contains(address: IpAddress): boolean {
    return (
      address.family === this.family && address.value >= this.first.value && address.value <= this.last.value
    );
  }

  /** True when every address of `other` lies in this subnet. */
  covers(other: Prefix): boolean {
    return this.length <= other.length && this.contains(other.first);
  }

  overlaps(other: Prefix): boolean {
    return this.covers(other) || other.covers(this);
  }

  equals(other: Prefix): boolean {
    return this.length === other.length && this.first.equals(other.first);
  }

  toString(): string {
    return `${this.first}/${this.length}`;
  }
}
