/**
 * src/agent/capture: packets of networks at this host's points, for `xnet capture` here or on another host. Changes nothing;
 * time, packets and memory are bounded. Not in here: which hosts are asked; how packets are shown.
 */
import { sleep } from '../../concurrency/deadline.js';
import { LinkedAbort } from '../../concurrency/linked-abort.js';
import type { Dataplane } from '../../dataplane/dataplane.js';
import { XnetError } from '../../errors.js';
import { endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import { findRecord } from '../../model/record.js';
import type { Store } from '../../store/store.js';
import type { CapturePart, CaptureWanted } from './capture-question.js';
import { type LanHere, type NetworkHere, OpenPoints } from './open-points.js';
import { PacketQueue } from './packet-queue.js';

/** At once. */
const MOST_CAPTURES = 4;
/** Of a part's packets, which in base64 and JSON are some 100 kB. */
const PART_BYTES = 64 << 10;

export interface HostCapturesParts {
  readonly dataplane: Pick<Dataplane, 'capture'>;
  /** It may answer with what was last known. */
  readonly store: Pick<Store, 'list'>;
  readonly hostId: string;
  /** Of a network that is on a LAN. */
  readonly lanOf: (networkId: string) => LanHere | undefined;
}

export class HostCaptures {
  #running = 0;

  constructor(private readonly parts: HostCapturesParts) {}

  /**
   * The points, then packets, `lingerMs` after the first of a part, with what was lost until then. Ends when one of the limits is
   * reached, or `signal` aborts, with the packets that have come by then. Throws IN_USE when too many captures run, UNSUPPORTED
   * where xnet may not capture.
   */
  async *run(wanted: CaptureWanted, lingerMs: number, signal: AbortSignal): AsyncGenerator<CapturePart> {
    if (this.#running === MOST_CAPTURES)
      throw new XnetError('IN_USE', `${MOST_CAPTURES} captures run on this host; wait for the end of one`);
    this.#running += 1;
    try {
      yield* this.#run(wanted, lingerMs, signal);
    } finally {
      this.#running -= 1;
    }
  }

  async *#run(wanted: CaptureWanted, lingerMs: number, signal: AbortSignal): AsyncGenerator<CapturePart> {
    using ended = new LinkedAbort([signal]);
    const queue = new PacketQueue(wanted.count, ended.abort);
    using open = await OpenPoints.open(this.parts.dataplane, await this.#networks(wanted), wanted, queue);
    yield { points: open.points, notes: open.notes };
    const limit = setTimeout(ended.abort, wanted.seconds * 1000);
    try {
      while (!ended.signal.aborted) {
        await queue.untilSome(ended.signal);
        if (queue.bytes < PART_BYTES) await sleep(lingerMs, ended.signal);
        const packets = queue.take(PART_BYTES);
        if (packets.length > 0) yield { packets, dropped: open.takeDropped() };
      }
    } finally {
      clearTimeout(limit);
    }
    open[Symbol.dispose]();
    for (let packets = queue.take(PART_BYTES); packets.length > 0; packets = queue.take(PART_BYTES))
      yield { packets };
    yield { dropped: open.takeDropped() };
  }

  async #networks({ networks }: CaptureWanted): Promise<NetworkHere[]> {
    const { store, hostId, lanOf } = this.parts;
    const found: NetworkHere[] = [];
    for (const network of networks) {
      const { entries } = await store.list(keys.hostEndpointsOf(hostId, network.id), { once: true });
      const endpoints = entries.flatMap((entry) => findRecord(endpointRecord, entry) ?? []);
      found.push({ network, endpoints, lan: lanOf(network.id) });
    }
    return found;
  }
}
