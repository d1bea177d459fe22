/**
 * Packet sockets (packet(7)): copies of the packets that pass an interface, of any network namespace. They disturb nothing: a
 * packet goes on as if nobody had looked. Frames can be sent out of the interface by them, too.
 */
import { close, closeSync } from 'node:fs';
import { XnetError } from '../../errors.js';
import { ReadableWatch } from '../readable.js';
import {
  bind,
  checked,
  getsockname,
  getsockopt,
  ifNameToIndex,
  LINUX,
  lastErrno,
  send,
  setsockopt,
  setsockoptLater,
  socket,
} from '../socket-libc.js';
import { inNamespace } from '../socket-namespace.js';
import { attachFilter, type Filter } from './packet-filter.js';
import { type Packet, receivePacket } from './packet-receive.js';

/** linux/if_packet.h, linux/if_ether.h, asm-generic/socket.h */
const { AF_PACKET, SOL_PACKET } = LINUX;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_MR_MULTICAST = 0;
const PACKET_STATISTICS = 6;
const PACKET_AUXDATA = 8;
const SO_TIMESTAMPNS = 35;
const ETH_P_ALL = 3;
/** Of sockaddr_ll. */
const ADDRESS_BYTES = 20;
const PROTOCOL_AT = 2;
const HARDWARE_TYPE_AT = 8;
/** linux/if_arp.h: those that have the header of Ethernet; lo has one of zeros. */
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
export const ETHERNET_BYTES = 14;
/** Of packet_mreq: index, type, length of the address, address. */
const MEMBERSHIP_BYTES = 16;
/** Of tpacket_stats. */
const STATISTICS_BYTES = 8;

/** The kernel counts some 800 bytes for a small packet. */
const DEFAULT_BUFFER_BYTES = 2 << 20;

/** Packets that are read at once, so that a busy interface does not hold up all else. */
const MOST_A_TURN = 256;
/** What waits when a socket is closed is read in so many turns. */
const LAST_TURNS = 64;

export interface PacketSource {
  /** File of the network namespace; undefined: this process's own. */
  readonly namespacePath: string | undefined;
  readonly interfaceName: string;
  /** Which packets; undefined: all. It may differ with the length of the interface's link header: 14 bytes, or 0. */
  readonly filter?: Filter | ((linkHeaderBytes: number) => Filter) | undefined;
  /** So many bytes are kept of a longer packet, its first; from 1 to 65535. */
  readonly snapBytes: number;
  /** So much may wait until it is read, as the kernel counts it. What comes beyond it is dropped, and counted. */
  readonly bufferBytes?: number | undefined;
}

/**
 * The packets that pass an interface from now on, until it is disposed of. Keeps the namespace alive so long, and the process.
 * An interface that is down gives none until it is up again; one that was deleted, or moved to another namespace, never again.
 */
export class PacketSocket implements Disposable {
  /** In front of each packet: 14, or 0 where the interface has none (WireGuard, tun). */
  readonly linkHeaderBytes: number;
  readonly #fd: number;
  readonly #interfaceIndex: number;
  readonly #watch: ReadableWatch;
  #dropped = 0;
  #isOpen = true;

  /**
   * `onPackets` gets the packets as they come, in the kernel's order, and must not throw. Throws NOT_FOUND when there is no such
   * namespace or interface, INVALID for a snap length or a filter out of bounds, UNSUPPORTED without CAP_NET_RAW, and KERNEL.
   */
  constructor(
    source: PacketSource,
    private readonly onPackets: (packets: readonly Packet[]) => void,
  ) {
    const { namespacePath } = source;
    const open = () => openSocket(source);
    const opened = namespacePath === undefined ? open() : inNamespace(namespacePath, open);
    this.#fd = opened.fd;
    this.linkHeaderBytes = opened.linkHeaderBytes;
    this.#interfaceIndex = opened.index;
    this.#watch = new ReadableWatch(this.#fd, () => this.#read());
  }

  /** How many packets that the filter takes were lost, because they came faster than they were read. */
  get dropped(): number {
    if (this.#isOpen) this.#dropped += takeDropped(this.#fd);
    return this.#dropped;
  }

  /** Sends a frame, link header and all. False: the kernel does not, as of an interface that is down or was deleted. */
  send(frame: Buffer): boolean {
    return this.#isOpen && send(this.#fd, frame, frame.length, LINUX.MSG_DONTWAIT) >= 0;
  }

  /**
   * The interface takes frames to this multicast MAC address for as long as the socket is open. Waits for the kernel's RTNL lock, in
   * a thread of its own. Throws KERNEL. Not to be disposed of meanwhile.
   */
  async join(group: Buffer): Promise<void> {
    const membership = Buffer.alloc(MEMBERSHIP_BYTES);
    membership.writeInt32LE(this.#interfaceIndex, 0);
    membership.writeUInt16LE(PACKET_MR_MULTICAST, 4);
    membership.writeUInt16LE(group.length, 6);
    membership.set(group, 8);
    const result = await setsockoptLater(
      ...([this.#fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership, membership.length] as const),
    );
    // errno is of the other thread.
    if (result < 0) throw new XnetError('KERNEL', 'the kernel refused to receive multicast');
  }

  /** Gives first what waits in the socket. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#dropped = this.dropped;
    this.#isOpen = false;
    for (let turns = 0; turns < LAST_TURNS && this.#read() === MOST_A_TURN; turns++);
    this.#watch.close();
    // In a thread of Node's: the kernel waits there until no processor has the socket any more, 8 ms and up to 30.
    close(this.#fd, () => undefined);
  }

  /** Returns how many it was. An error, as of an interface that goes down, is taken off the socket by this. */
  #read(): number {
    const packets: Packet[] = [];
    while (packets.length < MOST_A_TURN) {
      const packet = receivePacket(this.#fd);
      if (!packet) break;
      packets.push(packet);
    }
    if (packets.length > 0) this.onPackets(packets);
    return packets.length;
  }
}

/**
 * Made with protocol 0, a packet socket gets nothing until `bind` names the protocol (packet(7)). So the filter decides on the
 * first packet already, and none of another interface is among them.
 */
function openSocket({ interfaceName, filter, snapBytes, bufferBytes }: PacketSource) {
  const address = addressOf(interfaceName);
  const fd = makeSocket();
  try {
    setOption(fd, LINUX.SOL_SOCKET, LINUX.SO_RCVBUFFORCE, bufferBytes ?? DEFAULT_BUFFER_BYTES);
    setOption(fd, LINUX.SOL_SOCKET, SO_TIMESTAMPNS, 1);
    setOption(fd, SOL_PACKET, PACKET_AUXDATA, 1);
    checked(bind(fd, address, address.length), `bind to ${interfaceName}`);
    const linkHeaderBytes = findLinkHeader(fd);
    attachFilter(fd, typeof filter === 'function' ? filter(linkHeaderBytes) : filter, snapBytes);
    address.writeUInt16BE(ETH_P_ALL, PROTOCOL_AT);
    checked(bind(fd, address, address.length), `bind to ${interfaceName}`);
    return { fd, linkHeaderBytes, index: address.readInt32LE(4) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function makeSocket(): number {
  const fd = socket(AF_PACKET, LINUX.SOCK_RAW | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK, 0);
  if (fd >= 0) return fd;
  const errno = lastErrno();
  // A unit's RestrictAddressFamilies= without AF_PACKET gives the second.
  if (errno !== 'EPERM' && errno !== 'EAFNOSUPPORT') return checked(fd, 'a packet socket');
  const remedy = 'give it CAP_NET_RAW: with the unit, or the managed plugin, of this version';
  throw new XnetError('UNSUPPORTED', `xnet may not open packet sockets (${errno}); ${remedy}`, { errno });
}

/** Of a bound socket. */
function findLinkHeader(fd: number): number {
  const address = Buffer.alloc(ADDRESS_BYTES);
  checked(getsockname(fd, address, [ADDRESS_BYTES]), 'getsockname');
  const type = address.readUInt16LE(HARDWARE_TYPE_AT);
  return type === ARPHRD_ETHER || type === ARPHRD_LOOPBACK ? ETHERNET_BYTES : 0;
}

/** struct sockaddr_ll, with protocol 0: the interface of the namespace that this thread is in. */
function addressOf(interfaceName: string): Buffer {
  const index = ifNameToIndex(interfaceName);
  if (index === 0) throw new XnetError('NOT_FOUND', `there is no interface ${interfaceName}`);
  const address = Buffer.alloc(ADDRESS_BYTES);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeInt32LE(index, 4);
  return address;
}

function setOption(fd: number, level: number, name: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  checked(setsockopt(fd, level, name, bytes, bytes.length), 'setsockopt');
}

/** Since it was last asked: the kernel counts from 0 again. */
function takeDropped(fd: number): number {
  const statistics = Buffer.alloc(STATISTICS_BYTES);
  checked(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, statistics, [statistics.length]), 'getsockopt');
  return statistics.readUInt32LE(4);
}
