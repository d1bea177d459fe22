/** Which packets a point gives: frames of a MAC, a network's tunnel packets, and of these what a filter takes. Pure. */
import { type Filter, RETURN } from '../../native/packets/packet-filter.js';
import { ANCILLARY, BPF, behind, type Condition, gate, instruction } from './bpf.js';

/** A network's packets on the underlay. */
export interface TunnelPackets {
  readonly vni: number;
  readonly port: number;
  readonly isIpv6: boolean;
  /** Of the underlay interface: 14, or 0 where it has no link header. */
  readonly linkHeaderBytes: number;
}

/** UDP, VXLAN (RFC 7348). */
const UDP_BYTES = 8;
const VXLAN_BYTES = 8;
const UDP = 17;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
/** Of IPv4: where a fragment other than the first has something. */
const FRAGMENT_OFFSET = 0x1fff;

const ALL: Filter = [instruction(RETURN, 0xffff)];

/** Frames from or to the MAC (absent: any) that the filter (absent: each) takes. */
export function framesOf(mac: string | undefined, filter: Filter = ALL): Filter {
  return mac === undefined ? filter : [...macGate(mac), ...filter];
}

/** Tunnel packets with a frame that `frames` takes. Throws INVALID when that makes it too long. */
export function tunnelPacketsOf(tunnel: TunnelPackets, frames: Filter): Filter {
  return [...gate(tunnelConditions(tunnel)), ...behind(tunnelBytes(tunnel), frames)];
}

/** What precedes the frame in a tunnel packet. The kernel sends no IP options. */
export function tunnelBytes({ isIpv6, linkHeaderBytes }: Omit<TunnelPackets, 'vni' | 'port'>): number {
  return linkHeaderBytes + (isIpv6 ? 40 : 20) + UDP_BYTES + VXLAN_BYTES;
}

/** Two gates of which one must let it pass, so not made by `gate`. */
function macGate(mac: string): Filter {
  const bytes = Buffer.from(mac.replaceAll(':', ''), 'hex');
  const [high, low] = [bytes.readUInt16BE(0), bytes.readUInt32BE(2)];
  return [
    instruction(BPF.LOAD_WORD, 8),
    instruction(BPF.IF_EQUAL, low, 0, 2),
    instruction(BPF.LOAD_HALF, 6),
    instruction(BPF.IF_EQUAL, high, 5, 0),
    instruction(BPF.LOAD_WORD, 2),
    instruction(BPF.IF_EQUAL, low, 0, 2),
    instruction(BPF.LOAD_HALF, 0),
    instruction(BPF.IF_EQUAL, high, 1, 0),
    instruction(RETURN, 0),
  ];
}

/** In both directions the port is that of the destination. The VNI has three bytes, and one behind it is reserved. */
function tunnelConditions(tunnel: TunnelPackets): Condition[] {
  const { vni, port, isIpv6, linkHeaderBytes: ip } = tunnel;
  const vxlan = tunnelBytes(tunnel) - VXLAN_BYTES;
  const load = (code: number, at: number) => ({ load: [instruction(code, at)] });
  const vniLoad = { load: [instruction(BPF.LOAD_WORD, vxlan + 4), instruction(BPF.SHIFT_RIGHT, 8)] };
  return [
    { ...load(BPF.LOAD_HALF, ANCILLARY), equal: isIpv6 ? TYPE_IPV6 : TYPE_IPV4 },
    { ...load(BPF.LOAD_BYTE, ip + (isIpv6 ? 6 : 9)), equal: UDP },
    ...(isIpv6 ? [] : [{ ...load(BPF.LOAD_HALF, ip + 6), without: FRAGMENT_OFFSET }]),
    { ...load(BPF.LOAD_HALF, vxlan - UDP_BYTES + 2), equal: port },
    { ...vniLoad, equal: vni },
  ];
}
