/** The forms in which names and addresses are compared with what queries ask for. Pure. */
import { isIPv4 } from 'node:net';
import { IpAddress } from '../../inet/ip-address.js';

/** Such names are compared as they are. */
const FOLDED_ASCII = /^[\x20-@[-~]*$/;

/**
 * The form in which names are compared: a character a byte of its UTF-8 text, as it comes in a query, with
 * ASCII's upper case folded (RFC 4343) and nothing else.
 */
export function nameKey(name: string): string {
  const bytes = FOLDED_ASCII.test(name) ? name : foldCase(Buffer.from(name, 'utf8').toString('latin1'));
  return bytes.endsWith('.') ? bytes.slice(0, -1) : bytes;
}

/** What a name has at its end where it is said which network it is of. */
export function suffixOf(network: string): string {
  return `.${nameKey(network)}`;
}

export function foldCase(bytes: string): string {
  return /[A-Z]/.test(bytes) ? bytes.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : bytes;
}

/** An address in wire form, 4 or 16 bytes; undefined for what is none. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  const digits = digitsOf6(text);
  return digits === undefined ? undefined : Uint8Array.from(Buffer.from(digits, 'hex'));
}

/** The name of an address below in-addr.arpa or ip6.arpa; undefined for what is none. */
export function reverseName(text: string): string | undefined {
  if (isIPv4(text)) return `${text.split('.').reverse().join('.')}.in-addr.arpa`;
  const digits = digitsOf6(text);
  return digits === undefined ? undefined : `${[...digits].reverse().join('.')}.ip6.arpa`;
}

/** Of an IPv4 address in wire form. */
export function reverseNameOf4([a, b, c, d]: Uint8Array): string {
  return `${d}.${c}.${b}.${a}.in-addr.arpa`;
}

function digitsOf6(text: string): string | undefined {
  try {
    const { family, value } = IpAddress.parse(text);
    return family === 6 ? value.toString(16).padStart(32, '0') : undefined;
  } catch {
    // Another host's record; the rest of the zone is right.
    return undefined;
  }
}
