/** Sockets that wait for packets in a namespace, from /proc/net (proc(5)). Pure. */
import { ipText } from '../../native/netlink/texts.js';
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

/** ::ffff:0:0/96 (RFC 4291, section 2.5.5.2). */
const MAPPED = '00000000000000000000ffff';
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

/** Words of 32 bits in the machine's byte order (little-endian). An IPv4 address in one of IPv6 is given as the former. */
function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex').swap32();
  const isMapped = bytes.length === 16 && bytes.subarray(0, 12).toString('hex') === MAPPED;
  return ipText(isMapped ? bytes.subarray(12) : bytes);
}
