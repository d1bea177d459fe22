import { isIPv6 } from 'node:net';
import { sleep } from '../../../concurrency/deadline.js';
import { PacketSocket } from '../../../native/packets/packet-socket.js';
import { ALL_NODES, ANSWERS, parseAnswer, questionFor } from './lan-frames.js';

export interface LanQuestion {
  /** File of the network namespace of the interface; undefined: this process's own. */
  readonly namespacePath: string | undefined;
  readonly interface: string;
  /** Of the interface. */
  readonly mac: string;
  /** Plain, IPv4 and IPv6. */
  readonly addresses: readonly string[];
  /** How long answers are waited for. A device on a cable answers within 1 ms, one that sleeps on a radio within 300 ms. */
  readonly waitMs: number;
}

/** One may be lost, or a device may be asleep: each question is sent so often, evenly within two thirds of the time. */
const TIMES = 3;
/** Larger than any answer. */
const SNAP_BYTES = 128;
/** Frames that are sent at once; a thousand questions take some 80 ms more. */
const BURST = 256;
const BURST_PAUSE_MS = 20;

/**
 * Asks all devices on the LAN of the interface who has these addresses, all at once. Resolves to the MACs of who answered, by address.
 * What the interface itself has, and what is on it on this host (macvlan children), is not asked: the kernel does not give a host
 * its own frames. Nothing is written into anybody's cache. Throws as PacketSocket.
 */
export async function askLan(question: LanQuestion): Promise<ReadonlyMap<string, string>> {
  const { namespacePath, interface: interfaceName, mac, addresses, waitMs } = question;
  const asked = new Set(addresses);
  const answered = new Map<string, string>();
  const source = { namespacePath, interfaceName, filter: ANSWERS, snapBytes: SNAP_BYTES };
  using socket = new PacketSocket(source, (packets) => {
    for (const { direction, bytes } of packets) {
      const answer = direction === 'in' ? parseAnswer(bytes) : undefined;
      const isOne = answer && asked.has(answer.address) && answer.mac !== mac;
      // The first counts: a router that answers for others pauses mostly, and the device itself does not.
      if (isOne && !answered.has(answer.address)) answered.set(answer.address, answer.mac);
    }
  });
  if (addresses.some((address) => isIPv6(address))) await socket.join(ALL_NODES);
  const frames = addresses.map((address) => questionFor(address, mac));
  for (let time = 0; time < TIMES; time += 1) {
    await sendAll(socket, frames);
    await sleep(waitMs / TIMES);
  }
  return answered;
}

async function sendAll(socket: PacketSocket, frames: readonly Buffer[]): Promise<void> {
  for (const [index, frame] of frames.entries()) {
    if (index > 0 && index % BURST === 0) await sleep(BURST_PAUSE_MS);
    socket.send(frame);
  }
}
