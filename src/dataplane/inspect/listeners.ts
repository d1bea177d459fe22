/** Sockets that wait for packets in a namespace, from /proc/net (proc(5)). Pure. */
import type { SandboxFacts } from '../inspection.js';

type Listener = SandboxFacts['listeners'][number];

/**
 * Prints the headings of the files, and the lines of sockets that may be listeners, by what every shell has itself: a managed plugin has
 * few programs. Without IPv6 some files are missing.
 */
export const PRINT_LISTENERS = `for name in tcp tcp6 udp udp6; do
  [ -r /proc/net/$name ] || continue
  while read -r line; do
    case $line in *local_address*|*' 0A '*|*' 07 '*) echo "$line" ;; esac
  done < /proc/net/$name
done`;

const TCP_LISTEN = '0A';
/** Of a UDP socket that is not connected. */
const UDP_UNCONNECTED = '07';

/** Of what PRINT_LISTENERS prints. */
export function parseListeners(text: string): Listener[] {
  // Only the headings of UDP's end so.
  let protocol: Listener['protocol'] = 'tcp';
  const found = text.split('\n').flatMap((line): Listener[] => {
    if (line.includes('local_address')) {
      protocol = line.includes('drops') ? 'udp' : 'tcp';
      return [];
    }
    const [, address = '', port = '', state] =
      /^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2})/.exec(line) ?? [];
    if (state !== (protocol === 'tcp' ? TCP_LISTEN : UDP_UNCONNECTED)) return [];
    return [{ protocol, address: addressOf(address), port: Number.parseInt(port, 16) }];
  });
  const texts = new Map(found.map((each) => [`${each.protocol} ${each.address} ${each.port}`, each]));
  return [...texts.values()];
}

/** Words of 32 bits in the machine's byte order (little-endian). Of IPv6 addresses only `any`, loopback and mapped ones are shortened. */
function addressOf(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => (word.match(/../g) ?? []).reverse());
  if (bytes.length === 4) return dotted(bytes);
  const groups = Array.from({ length: 8 }, (_, i) => `${bytes[2 * i]}${bytes[2 * i + 1]}`.toLowerCase());
  if (groups.every((group) => group === '0000')) return '::';
  if (groups.slice(0, 7).every((group) => group === '0000') && groups[7] === '0001') return '::1';
  if (groups.slice(0, 5).every((group) => group === '0000') && groups[5] === 'ffff')
    return dotted(bytes.slice(12));
  return groups.map((group) => group.replace(/^0{1,3}/, '')).join(':');
}

function dotted(bytes: readonly string[]): string {
  return bytes.map((byte) => Number.parseInt(byte, 16)).join('.');
}
