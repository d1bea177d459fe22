/** Packets made by hand, by whoever has a shell, and whether they arrive. */
import { type Container, succeeds } from '../containers/containers.js';
import type { Background } from '../programs/command.js';
import { eventually } from '../time/eventually.js';

/** Of an experimental Ethernet type, to everybody. */
const FRAME = `${'ff'.repeat(6)}02000000006688b5${'00'.repeat(46)}`;
const PORT = 4789;

/** Of packets with such a frame. */
export const FORGED_TYPE = 'ether proto 0x88b5';

/** What nobody forges, and is sent last: such a frame, a datagram to this port, a ping to all on the link. */
const LAST_FRAME = FRAME.replace('88b5', '88b6');
export const LAST_PORT = 9998;
const EVERYBODY = '224.0.0.1';
const LAST = `ether proto 0x88b6 or udp port ${LAST_PORT} or (icmp and dst host ${EVERYBODY})`;
const LAST_LINE = new RegExp(`0x88b6|\\.${LAST_PORT}: UDP|> ${EVERYBODY.replaceAll('.', '\\.')}: ICMP`);

export interface Forged {
  readonly vni: number;
  /** VXLAN's first byte: that there is a VNI. */
  readonly flags?: string;
  /** The byte after the VNI. */
  readonly reserved?: string;
  /** It is no attempt, but the last packet: see `arrives`. */
  readonly isLast?: boolean;
}

/** A VXLAN packet, without its headers of IP and UDP. */
export function vxlanPacket({ vni, flags = '08', reserved = '00', isLast = false }: Forged): Buffer {
  const frame = isLast ? LAST_FRAME : FRAME;
  return Buffer.from(`${flags}000000${vni.toString(16).padStart(6, '0')}${reserved}${frame}`, 'hex');
}

export interface Sent extends Forged {
  /** The address of a host; IPv6 without brackets. */
  readonly to: string;
  /** One may be lost while the neighbour is asked for. */
  readonly times?: number;
}

/** A script that sends it, by bash alone. One write, so one datagram. */
export function sendScript({ to, times = 3, ...forged }: Sent): string {
  return repeated(times, `${printed(vxlanPacket(forged))} | cat > /dev/udp/${to}/${PORT}`);
}

/** The same by socat, with options of its own. */
export function socatScript({ to, times = 3, ...forged }: Sent, options = ''): string {
  return repeated(times, `${printed(vxlanPacket(forged))} | socat -u - UDP-SENDTO:${to}:${PORT}${options}`);
}

function repeated(times: number, command: string): string {
  return Array.from({ length: times }, () => command).join('; ');
}

/** A script of sh that sends frames out of an interface. Of capabilities it takes NET_RAW, and NET_ADMIN for socat, which sets the interface up. */
export function sendFrames(frames: readonly Buffer[], device = 'eth0'): string {
  return frames.map((each) => `${printed(each)} | socat -u - INTERFACE:${device}`).join('; ');
}

/** A command of sh that prints them. */
export function printed(bytes: Buffer): string {
  return `printf '${[...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}'`;
}

/** Where packets are looked for: eth0 of a container, or of a host itself. */
export interface Listener extends Pick<Container, 'lab' | 'host'> {
  readonly name?: string;
}

/**
 * Whether packets that `filter` names come there before the last one, which `last` sends when `send` is done: by the same way, it proves
 * that what was sent before is there, or never will be. Without `last` it is the listener's own. Throws if it does not come.
 */
export async function arrives(
  listener: Listener,
  send: () => Promise<unknown>,
  filter = FORGED_TYPE,
  last: () => Promise<unknown> = () => pingEverybody(listener),
): Promise<boolean> {
  const sniffer = await sniff(listener, '-e', ...`(${filter}) or ${LAST}`.split(' '));
  const lines = () => sniffer.output.split('\n').filter((line) => /^\d\d:\d\d:\d\d/.test(line));
  try {
    await send();
    await last();
    await eventually('the last packet', () => lines().some((line) => LAST_LINE.test(line)));
    return lines().some((line) => !LAST_LINE.test(line));
  } finally {
    await sniffer.stop();
  }
}

/**
 * Which of the frames that `from` makes by hand (it has NET_RAW) reach `to`. The last of them is to arrive: the kernel keeps their
 * order. Throws if it does not.
 */
export async function arrivalsOf(
  frames: Readonly<Record<string, Buffer>>,
  from: Container,
  to: Container,
): Promise<string[]> {
  const sniffer = await sniff(to, '-xx');
  try {
    const has = (frame: Buffer) => bytesIn(sniffer.output).includes(frame.toString('hex'));
    const all = Object.values(frames);
    await from.exec('sh', '-c', sendFrames(all));
    await eventually('the last frame', () => has(all.at(-1) as Buffer));
    return Object.keys(frames).filter((name) => has(frames[name] as Buffer));
  } finally {
    await sniffer.stop();
  }
}

/** Nobody answers. */
async function pingEverybody({ lab, host, name }: Listener): Promise<void> {
  const inContainer = name === undefined ? [] : ['docker', 'exec', name];
  await succeeds(lab.in(host, ...inContainer, ...['ping', '-c', '1', '-W', '1', '-I', 'eth0', EVERYBODY]));
}

/** tcpdump, that listens. */
async function sniff({ lab, host, name }: Listener, ...what: string[]): Promise<Background> {
  const inContainer = name === undefined ? [] : ['docker', 'exec', name];
  const words = ['tcpdump', '-Z', 'root', '-n', '-l', '--immediate-mode', '-i', 'eth0', ...what];
  const tcpdump = lab.start(host, ...inContainer, ...words);
  try {
    await eventually('tcpdump listens', () => tcpdump.output.includes('listening on'));
    return tcpdump;
  } catch (error) {
    await tcpdump.stop();
    throw error;
  }
}

/** Of what `tcpdump -xx` prints: the packets in hex, a line each. */
function bytesIn(output: string): string {
  return output.replaceAll(/\n\t0x[0-9a-f]{4}: +/g, ' ').replaceAll(/(?<=[0-9a-f]) (?=[0-9a-f])/g, '');
}
