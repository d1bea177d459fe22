import { bits, type IpAddress } from './ip-address.js';
import type { Prefix } from './prefix.js';

/** Many subnets, of which an address is asked: that takes as long as they have lengths, however many they are. A value. */
export class PrefixSet {
  /** `FAMILY/LENGTH`, with the first addresses of the subnets, less the bits that are zero. */
  readonly #lengths = new Map<string, { readonly prefix: Prefix; readonly firsts: Set<bigint> }>();

  constructor(prefixes: Iterable<Prefix>) {
    for (const prefix of prefixes) {
      const form = `${prefix.family}/${prefix.length}`;
      const known = this.#lengths.get(form) ?? { prefix, firsts: new Set<bigint>() };
      this.#lengths.set(form, known);
      known.firsts.add(headOf(prefix.first, prefix));
    }
  }

  contains(address: IpAddress): boolean {
    for (const { prefix, firsts } of this.#lengths.values())
      if (prefix.family === address.family && firsts.has(headOf(address, prefix))) return true;
    return false;
  }
}

function headOf({ value }: IpAddress, { family, length }: Prefix): bigint {
  return value >> BigInt(bits(family) - length);
}
