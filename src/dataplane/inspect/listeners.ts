/** Sockets that wait for packets in a namespace, from /proc/net (proc(5)). */
import { ipText } from '../../native/netlink/texts.js';
import { readProcNet } from '../../native/proc-net.js';
import type { SandboxFacts } from '../inspection.js';

type Listener = SandboxFacts['listeners'][number];

/** Not by a shell in the namespace: it reads byte by byte, which takes seconds for a server with ten thousand connections. */
export async function readListeners(path: string): Promise<Listener[]> {
  const names = ['tcp', 'tcp6', 'udp', 'udp6'] as const;
  const texts = await Promise.all(names.map((name) => readProcNet(path, name)));
  return parseListeners(texts.join('\n'));
}

/** ::ffff:0:0/96 (RFC 4291, section 2.5.5.2). */
const MAPPED = '00000000000000000000ffff';
const TCP_LISTEN = '0A';
/** Of a UDP socket that is not connected. */
const UDP_UNCONNECTED = '07';

/** Of the files, one behind the other. Pure. */
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
