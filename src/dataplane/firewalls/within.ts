import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';

const PLAIN = /^(\d{1,3}\.){3}\d{1,3}(\/32)?$/;

/** Whether an address is within what a rule compares it with: an address, a prefix, a range. `maybe`: it is written in another way, or is the name of a set. */
export function isWithin(value: string, compared: string): 'yes' | 'no' | 'maybe' {
  // Of IPv4 one address is written in one way: hosts and rules may be thousands, and each be compared with each.
  if (PLAIN.test(value) && PLAIN.test(compared)) return compared.replace('/32', '') === value ? 'yes' : 'no';
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
