/** VXLAN packets made by hand, by whoever has a shell, and whether what is in them arrives. */
import type { Container } from '../containers/containers.js';
import { eventually } from '../time/eventually.js';

/** Of an experimental Ethernet type, to everybody. */
const FRAME = `${'ff'.repeat(6)}02000000006688b5${'00'.repeat(46)}`;
const PORT = 4789;

export interface Forged {
  readonly vni: number;
  /** The address of a host; IPv6 without brackets. */
  readonly to: string;
  /** VXLAN's first byte: that there is a VNI. */
  readonly flags?: string;
}

/** A script of sh that sends it, three times; `how`: by a host's bash, or by a container's socat. One write, so one datagram. */
export function sendScript({ vni, to, flags = '08' }: Forged, how: 'bash' | 'socat'): string {
  const bytes = Buffer.from(`${flags}000000${vni.toString(16).padStart(6, '0')}00${FRAME}`, 'hex');
  const escaped = [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  const send = how === 'bash' ? `cat > /dev/udp/${to}/${PORT}` : `socat -u - UDP-SENDTO:${to}:${PORT}`;
  return `for n in 1 2 3; do printf '${escaped}' | ${send}; done`;
}

/** Whether frames of that type come to the container while `send` is done, and half a second longer. */
export async function arrives(container: Container, send: () => Promise<unknown>): Promise<boolean> {
  const { lab, host, name } = container;
  const words = [
    'tcpdump',
    '-Z',
    'root',
    '-n',
    '-e',
    '-l',
    '--immediate-mode',
    '-i',
    'eth0',
    'ether',
    'proto',
    '0x88b5',
  ];
  const tcpdump = lab.start(host, 'docker', 'exec', name, ...words);
  try {
    await eventually('tcpdump listens', () => tcpdump.output.includes('listening on'));
    await send();
    await pause(500);
    return /0x88b5/.test(tcpdump.output);
  } finally {
    await tcpdump.stop();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
