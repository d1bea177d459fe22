/** What a packet is, in a line for people: as much of it as is known, where it was cut short. Pure. */
import { IpAddress } from '../../inet/ip-address.js';
import type { SeenPacket } from './time-order.js';

const ETHERNET_BYTES = 14;
const TAG_BYTES = 4;
const TYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const;
const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;
const FRAGMENT_OFFSET = 0x1fff;
const UDP_BYTES = 8;
const VXLAN_BYTES = 8;

/** What people meet of RFC 792 and RFC 4443; echoes have an id and a number. */
const ECHOES = [0, 8, 128, 129];
const ICMP: Readonly<Record<number, string>> = {
  ...{ 0: 'echo reply', 3: 'unreachable', 5: 'redirect', 8: 'echo request', 11: 'time exceeded' },
};
const ICMPV6: Readonly<Record<number, string>> = {
  ...{ 1: 'unreachable', 2: 'packet too big', 3: 'time exceeded', 128: 'echo request', 129: 'echo reply' },
  ...{ 133: 'router solicitation', 134: 'router advertisement' },
  ...{ 135: 'neighbour solicitation', 136: 'neighbour advertisement' },
};
const TCP_FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'];

const CUT = 'cut short';

/** `isTunnelled`: a tunnel packet of the underlay. */
export function packetText({ bytes, length }: SeenPacket, isTunnelled: boolean): string {
  return `${isTunnelled ? tunnelText(bytes) : frameText(bytes)}, ${length} bytes`;
}

/** The addresses of the two hosts, then the frame inside. */
function tunnelText(bytes: Buffer): string {
  const packet =
    bytes.length < ETHERNET_BYTES
      ? undefined
      : ipPacket(bytes.subarray(ETHERNET_BYTES), bytes.readUInt16BE(12));
  if (!packet || packet.payload.length < UDP_BYTES + VXLAN_BYTES) return CUT;
  const vni = packet.payload.readUIntBE(UDP_BYTES + 4, 3);
  const frame = packet.payload.subarray(UDP_BYTES + VXLAN_BYTES);
  return `${packet.from} > ${packet.to} VXLAN ${vni}: ${frameText(frame)}`;
}

function frameText(frame: Buffer): string {
  if (frame.length < ETHERNET_BYTES) return CUT;
  const type = frame.readUInt16BE(12);
  const rest = frame.subarray(ETHERNET_BYTES);
  if (type === TYPE.vlan && rest.length >= TAG_BYTES)
    return `VLAN ${rest.readUInt16BE(0) & 0xfff} ${typeText(rest.readUInt16BE(2), rest.subarray(TAG_BYTES), frame)}`;
  return typeText(type, rest, frame);
}

function typeText(type: number, rest: Buffer, frame: Buffer): string {
  if (type === TYPE.arp) return arpText(rest);
  const packet = ipPacket(rest, type);
  if (packet) return ipText(packet);
  if (type === TYPE.ipv4 || type === TYPE.ipv6) return `IP ${CUT}`;
  const macs = `${macText(frame.subarray(6, 12))} > ${macText(frame.subarray(0, 6))}`;
  return `${macs} type 0x${type.toString(16).padStart(4, '0')}`;
}

/** RFC 826, of IPv4 over Ethernet. */
function arpText(arp: Buffer): string {
  if (arp.length < 28) return `ARP ${CUT}`;
  const [sender, target] = [addressText(arp.subarray(14, 18)), addressText(arp.subarray(24, 28))];
  if (arp.readUInt16BE(6) === 1) return `ARP who-has ${target} tell ${sender}`;
  return `ARP ${sender} is-at ${macText(arp.subarray(8, 14))}`;
}

interface IpPacket {
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  /** Not the first one of its packet. */
  readonly isFragment: boolean;
  /** As much as there is of it. */
  readonly payload: Buffer;
  /** Of the whole payload, in bytes. */
  readonly payloadLength: number;
}

/** undefined: it is none, or cut short. */
function ipPacket(bytes: Buffer, type: number): IpPacket | undefined {
  if (type === TYPE.ipv4 && bytes.length >= 20) {
    const header = (bytes.readUInt8(0) & 0xf) * 4;
    return {
      from: addressText(bytes.subarray(12, 16)),
      to: addressText(bytes.subarray(16, 20)),
      protocol: bytes.readUInt8(9),
      isFragment: (bytes.readUInt16BE(6) & FRAGMENT_OFFSET) !== 0,
      payload: bytes.subarray(header),
      payloadLength: bytes.readUInt16BE(2) - header,
    };
  }
  if (type !== TYPE.ipv6 || bytes.length < 40) return undefined;
  return {
    from: addressText(bytes.subarray(8, 24)),
    to: addressText(bytes.subarray(24, 40)),
    protocol: bytes.readUInt8(6),
    isFragment: false,
    payload: bytes.subarray(40),
    payloadLength: bytes.readUInt16BE(4),
  };
}

function ipText(packet: IpPacket): string {
  const { from, to, protocol, isFragment, payload } = packet;
  const between = `${from} > ${to}`;
  if (isFragment) return `${between} fragment of protocol ${protocol}`;
  if (protocol === PROTOCOL.tcp && payload.length >= 20) return tcpText(packet);
  if (protocol === PROTOCOL.udp && payload.length >= 4) return `${portsText(packet)} UDP`;
  if (protocol === PROTOCOL.icmp) return `${between} ICMP ${icmpText(payload, ICMP)}`;
  if (protocol === PROTOCOL.icmpv6) return `${between} ICMPv6 ${icmpText(payload, ICMPV6)}`;
  return `${between} protocol ${protocol}`;
}

function tcpText(packet: IpPacket): string {
  const { payload, payloadLength } = packet;
  const flags = payload.readUInt8(13);
  const names = TCP_FLAGS.filter((_, bit) => ((flags >> bit) & 1) === 1).join(' ');
  const data = payloadLength - (payload.readUInt8(12) >> 4) * 4;
  const numbers = `seq ${payload.readUInt32BE(4)} ack ${payload.readUInt32BE(8)}`;
  return `${portsText(packet)} TCP ${names} ${numbers}${data > 0 ? ` data ${data}` : ''}`;
}

function icmpText(payload: Buffer, names: Readonly<Record<number, string>>): string {
  if (payload.length < 8) return CUT;
  const [type, code] = [payload.readUInt8(0), payload.readUInt8(1)];
  const name = names[type] ?? `type ${type}`;
  if (!ECHOES.includes(type)) return `${name} code ${code}`;
  return `${name} id ${payload.readUInt16BE(4)} seq ${payload.readUInt16BE(6)}`;
}

function portsText({ from, to, payload }: IpPacket): string {
  const place = (address: string, port: number) =>
    address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return `${place(from, payload.readUInt16BE(0))} > ${place(to, payload.readUInt16BE(2))}`;
}

function addressText(bytes: Buffer): string {
  return `${IpAddress.of(bytes.length === 4 ? 4 : 6, BigInt(`0x${bytes.toString('hex')}`))}`;
}

function macText(bytes: Buffer): string {
  return bytes.toString('hex').replaceAll(/..(?=.)/g, '$&:');
}
