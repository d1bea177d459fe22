import { createHash } from 'node:crypto';
import { XnetError } from '../errors.js';
import { IpAddress } from './ip-address.js';
import { quoted } from './quoted.js';

const NO_MAC = '00:00:00:00:00:00';
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** Returns the MAC in lower case. Throws INVALID unless `text` is a unicast MAC address. */
export function parseMac(text: string): string {
  const mac = text.toLowerCase();
  if (!MAC.test(mac))
    throw new XnetError('INVALID', `${quoted(text)} is not a MAC address like 02:42:0a:01:02:03`);
  // The kernel refuses it as an interface's, and in a tunnel's table it stands for all that is unknown.
  if (mac === NO_MAC) throw new XnetError('INVALID', `${mac} is no interface's MAC address`);
  if (Number.parseInt(mac.slice(0, 2), 16) & 1)
    throw new XnetError('INVALID', `${mac} is a multicast MAC address`);
  return mac;
}

/**
 * The MAC of the endpoint that holds `address` in the network: a pure function, so that whoever cached the
 * address's MAC is still right after the address moved to another host or container.
 * Locally administered and unicast; unique in a network for IPv4 (its last four bytes are the address).
 */
export function macFor(networkId: string, address: IpAddress): string {
  const text = `${address}`;
  const hash = createHash('sha256').update(`${networkId} ${text}`).digest();
  const tail = address.family === 4 ? text.split('.').map(Number) : [...hash.subarray(1, 5)];
  return [0x02, saltOf(networkId), ...tail].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** The IPv4 address from which `macFor` makes this MAC in the network; undefined: there is none. */
export function addressFor(networkId: string, mac: string): IpAddress | undefined {
  const [first, salt, ...tail] = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  return first === 0x02 && salt === saltOf(networkId) ? IpAddress.parse(tail.join('.')) : undefined;
}

/** The link-local address that the kernel makes from the MAC (RFC 4291, appendix A), which containers keep. */
export function linkLocalOf(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  // The kernel's spelling: a single leading zero group is swallowed by the `::` before it.
  return `fe80::${groups.map((group) => group.toString(16)).join(':')}`.replace(/^fe80::(0:)+/, 'fe80::');
}

function saltOf(networkId: string): number {
  return createHash('sha256').update(networkId).digest()[0] ?? 0;
}
