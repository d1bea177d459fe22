/** Reading a packet socket, with what the kernel says of each packet beside it (packet(7), cmsg(3)). Never blocks. */
import koffi from 'koffi';
import { LINUX, recvmsg } from '../socket-libc.js';

export interface Packet {
  /** When the kernel had it, by the host's clock: nanoseconds since 1970. */
  readonly atNs: bigint;
  /** `out`: the host sends it out of the interface, of a veth towards its peer. */
  readonly direction: 'in' | 'out';
  /** Of the whole packet, in bytes. Where the interface segments or joins packets it may be more than the MTU. */
  readonly length: number;
  /**
   * Its first bytes, from the link header on, with the VLAN tag if it has one. Of an interface without link headers (WireGuard,
   * tun) from the IP header on.
   */
  readonly bytes: Buffer;
}

/** Of sockaddr_ll. */
const NAME_BYTES = 20;
const PACKET_TYPE_AT = 10;
const PACKET_OUTGOING = 4;

/** cmsghdr: length, level, type; padded to multiples of 8. */
const CONTROL_HEADER = 16;
const CONTROL_BYTES = 128;
const SCM_TIMESTAMPNS = 35;
const PACKET_AUXDATA = 8;
/** linux/if_packet.h: there is a tag, and its TPID is given, too. */
const TP_STATUS_VLAN_VALID = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID = 1 << 6;
const ETH_P_8021Q = 0x8100;
/** Where a VLAN tag stands: behind the two MAC addresses. */
const TAG_AT = 12;

/** What `recvmsg` writes into; each packet's bytes are copied. */
const data = Buffer.alloc(0x10000);
const name = Buffer.alloc(NAME_BYTES);
const control = Buffer.alloc(CONTROL_BYTES);
/** struct msghdr, and behind it the struct iovec that it points to: in one, so that both live as long. */
const message = Buffer.alloc(72);
message.writeBigUInt64LE(koffi.address(name), 0);
message.writeBigUInt64LE(koffi.address(message) + 56n, 16);
message.writeBigUInt64LE(1n, 24);
message.writeBigUInt64LE(koffi.address(control), 32);
message.writeBigUInt64LE(koffi.address(data), 56);
message.writeBigUInt64LE(BigInt(data.length), 64);

/** The packet that has waited longest; undefined when none waits, or the socket had an error, which is gone by this. */
export function receivePacket(fd: number): Packet | undefined {
  message.writeUInt32LE(NAME_BYTES, 8);
  message.writeBigUInt64LE(BigInt(CONTROL_BYTES), 40);
  const length = recvmsg(fd, message, LINUX.MSG_DONTWAIT);
  if (length < 0) return undefined;
  const { atNs, whole, tag } = readControl(Number(message.readBigUInt64LE(40)));
  return {
    atNs,
    direction: name.readUInt8(PACKET_TYPE_AT) === PACKET_OUTGOING ? 'out' : 'in',
    length: whole + (tag?.length ?? 0),
    bytes: tag
      ? Buffer.concat([data.subarray(0, TAG_AT), tag, data.subarray(TAG_AT, length)])
      : Buffer.from(data.subarray(0, length)),
  };
}

/** The kernel keeps time and VLAN tag of a packet beside it. */
function readControl(length: number): { atNs: bigint; whole: number; tag: Buffer | undefined } {
  let atNs = 0n;
  let whole = 0;
  let tag: Buffer | undefined;
  for (let at = 0; at + CONTROL_HEADER <= length; ) {
    const value = at + CONTROL_HEADER;
    const level = control.readInt32LE(at + 8);
    const type = control.readInt32LE(at + 12);
    if (level === LINUX.SOL_SOCKET && type === SCM_TIMESTAMPNS)
      atNs = control.readBigInt64LE(value) * 1_000_000_000n + control.readBigInt64LE(value + 8);
    if (level === LINUX.SOL_PACKET && type === PACKET_AUXDATA) {
      whole = control.readUInt32LE(value + 4);
      tag = tagOf(control.subarray(value));
    }
    at += (Number(control.readBigUInt64LE(at)) + 7) & ~7;
  }
  return { atNs, whole, tag };
}

/** Of struct tpacket_auxdata: status, len, snaplen, mac, net, vlan_tci, vlan_tpid. */
function tagOf(auxiliary: Buffer): Buffer | undefined {
  const status = auxiliary.readUInt32LE(0);
  if ((status & TP_STATUS_VLAN_VALID) === 0) return undefined;
  const tag = Buffer.alloc(4);
  const hasType = (status & TP_STATUS_VLAN_TPID_VALID) !== 0;
  tag.writeUInt16BE(hasType ? auxiliary.readUInt16LE(18) : ETH_P_8021Q, 0);
  tag.writeUInt16BE(auxiliary.readUInt16LE(16), 2);
  return tag;
}
