import type { CapturedPacket } from '../../dataplane/dataplane.js';
import type { PacketPart } from './capture-question.js';

/** Of the packets that wait. */
const MOST_WAITING_BYTES = 4 << 20;
/** What a packet costs beside its bytes. */
const OVERHEAD_BYTES = 64;

interface Waiting {
  /** Its number. */
  readonly point: number;
  readonly packet: CapturedPacket;
}

/** Packets of all points until they are sent on. What comes while too much waits is dropped. */
export class PacketQueue {
  /** By the point's number. */
  readonly dropped = new Map<number, number>();
  readonly #waiting: Waiting[] = [];
  /** How many were taken of each point. */
  readonly #taken = new Map<number, number>();
  #all = 0;
  #bytes = 0;
  #wake: (() => void) | undefined;

  /**
   * Calls `onEnough` once there are `count` packets of all points together. More are taken then, up to as many of each point: those
   * that wait in the kernel may be earlier.
   */
  constructor(
    private readonly count: number,
    private readonly onEnough: () => void,
  ) {}

  /** Of the packets that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  add(point: number, packets: readonly CapturedPacket[]): void {
    const taken = this.#taken.get(point) ?? 0;
    for (const packet of packets.slice(0, this.count - taken)) {
      const size = sizeOf({ point, packet });
      if (this.#bytes + size > MOST_WAITING_BYTES) {
        this.dropped.set(point, (this.dropped.get(point) ?? 0) + 1);
        continue;
      }
      this.#all += 1;
      this.#taken.set(point, (this.#taken.get(point) ?? 0) + 1);
      this.#bytes += size;
      this.#waiting.push({ point, packet });
    }
    this.#wake?.();
    if (this.#all >= this.count) this.onEnough();
  }

  /** Waits until a packet waits, or `signal` aborts. One caller at a time. */
  async untilSome(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length > 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Those that have waited longest, up to so many bytes, but one at least; none when none waits. */
  take(mostBytes: number): PacketPart[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      const size = sizeOf(waiting);
      if (count > 0 && bytes + size > mostBytes) break;
      bytes += size;
      count += 1;
    }
    this.#bytes -= bytes;
    return this.#waiting.splice(0, count).map(partOf);
  }
}

function sizeOf({ packet }: Waiting): number {
  return packet.bytes.length + OVERHEAD_BYTES;
}

function partOf({ point, packet: { atNs, direction, length, bytes } }: Waiting): PacketPart {
  return [point, `${atNs}`, direction, length, bytes.toString('base64')];
}
