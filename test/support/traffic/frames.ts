/** Frames as somebody sends them who may make packets of his own. Checksums are zero: what looks at sources does not compute them. */
import { ipBytes } from '../../../src/native/netlink/texts.js';

/** Sender and receiver of a frame: MACs and addresses. */
export interface Way {
  readonly from: string;
  readonly to: string;
  readonly source: string;
  readonly destination: string;
}

const TYPE = { ip: 0x0800, arp: 0x0806, ip6: 0x86dd } as const;
const PROTOCOL = { udp: 17, icmp6: 58 } as const;

export function udp(way: Way, port: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(4444, 0);
  header.writeUInt16BE(port, 2);
  header.writeUInt16BE(12, 4);
  return packet(way, PROTOCOL.udp, Buffer.concat([header, Buffer.from('xnet')]));
}

/** `sender`: what it says of itself. */
export function arpReply(way: Way, sender: { readonly mac: string; readonly address: string }): Buffer {
  const body = [Buffer.from('0001080006040002', 'hex'), macBytes(sender.mac), ipBytes(sender.address)];
  return frame(way, TYPE.arp, Buffer.concat([...body, macBytes(way.to), ipBytes(way.destination)]));
}

/** `options`: bytes behind the target, if there is one. */
export function icmp6(way: Way, type: number, target?: string, options: Buffer = Buffer.alloc(0)): Buffer {
  const start = Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]);
  return packet(way, PROTOCOL.icmp6, Buffer.concat([start, target ? ipBytes(target) : start, options]));
}

/** Of ND: 1 is the source's MAC, 2 the target's. */
export function linkOption(kind: 1 | 2, mac: string): Buffer {
  return Buffer.concat([Buffer.from([kind, 1]), macBytes(mac)]);
}

/** The same frame in a VLAN. */
export function tagged(whole: Buffer): Buffer {
  return Buffer.concat([whole.subarray(0, 12), Buffer.from([0x81, 0, 0, 7]), whole.subarray(12)]);
}

/** The same packet of IPv6 behind an empty header of options for the destination. */
export function withOptions(whole: Buffer): Buffer {
  const longer = Buffer.concat([
    whole.subarray(0, 54),
    Buffer.from([whole.readUInt8(20), 0, 1, 4, 0, 0, 0, 0]),
    whole.subarray(54),
  ]);
  longer.writeUInt16BE(whole.readUInt16BE(18) + 8, 18);
  longer.writeUInt8(60, 20);
  return longer;
}

function packet(way: Way, protocol: number, body: Buffer): Buffer {
  const addresses = [ipBytes(way.source), ipBytes(way.destination)];
  const isV6 = way.source.includes(':');
  const header = isV6
    ? Buffer.from([0x60, 0, 0, 0, 0, body.length, protocol, 255])
    : Buffer.from([0x45, 0, 0, 20 + body.length, 0, 0, 0, 0, 64, protocol, 0, 0]);
  return frame(way, isV6 ? TYPE.ip6 : TYPE.ip, Buffer.concat([header, ...addresses, body]));
}

function frame({ from, to }: Way, type: number, body: Buffer): Buffer {
  return Buffer.concat([macBytes(to), macBytes(from), Buffer.from([type >> 8, type & 0xff]), body]);
}

function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}
