/** What a packet is to a probe. Pure. */
import { IpAddress } from '../../inet/ip-address.js';
import type { ProbeFlow } from '../probing.js';

/** undefined: none of the probe's. `ip`: where its IP header begins. */
export function readProbe(
  bytes: Buffer,
  flow: ProbeFlow,
  ip: number,
): 'request' | { answer: string } | undefined {
  const { family } = IpAddress.parse(flow.destination);
  const at = ip + (family === 4 ? 20 : 40);
  if (bytes.length < at + 8) return undefined;
  const protocol = bytes.readUInt8(ip + (family === 4 ? 9 : 6));
  if (protocol === (family === 4 ? 1 : 58)) return readIcmp(bytes.readUInt8(at), flow, family);
  if (bytes.readUInt16BE(at) === flow.id) return 'request';
  if (protocol === 17) return { answer: 'answered' };
  if (bytes.length < at + 14) return undefined;
  return { answer: (bytes.readUInt8(at + 13) & RST) === 0 ? 'accepted' : 'refused' };
}

const RST = 0x04;

/** Types of ICMP and ICMPv6: echo request, echo reply, destination unreachable. */
const TYPES = {
  4: { REQUEST: 8, REPLY: 0, UNREACHABLE: 3 },
  6: { REQUEST: 128, REPLY: 129, UNREACHABLE: 1 },
} as const;

function readIcmp(type: number, { protocol }: ProbeFlow, family: 4 | 6) {
  const { REQUEST, REPLY, UNREACHABLE } = TYPES[family];
  if (protocol !== 'icmp') return type === UNREACHABLE ? { answer: 'refused' } : undefined;
  if (type === REQUEST) return 'request';
  return type === REPLY ? { answer: 'echo reply' } : undefined;
}
