import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';

/** Whether an address is within what a rule compares it with: an address, a prefix, a range. `maybe`: it is written in another way, or is the name of a set. */
export function isWithin(value: string, compared: string): 'yes' | 'no' | 'maybe' {
  try {
    const address = IpAddress.parse(value);
    const [first = '', last] = compared.split('-');
    if (last !== undefined) {
      const [from, to] = [IpAddress.parse(first), IpAddress.parse(last)];
      if (from.family !== address.family) return 'no';
      return from.value <= address.value && address.value <= to.value ? 'yes' : 'no';
    }
    const prefix = compared.includes('/')
      ? Prefix.parse(compared)
      : Prefix.around(IpAddress.parse(compared), IpAddress.parse(compared).family === 4 ? 32 : 128);
    return prefix.family === address.family && prefix.contains(address) ? 'yes' : 'no';
  } catch {
    return 'maybe';
  }
}
