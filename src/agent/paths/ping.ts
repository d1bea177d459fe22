/** Packets to one host, for `xnet ping`: through the tunnel, and beside it. */
import { sleep, sleepRunning } from '../../concurrency/deadline.js';
import type { Echoes, TakeArrival } from '../../dataplane/paths.js';
import { SMALL_BYTES } from './path.js';
import { SizeSearch } from './size-search.js';

export interface PingOrder {
  readonly vtep: string;
  readonly count: number;
  /** Of each packet, with its IP header. */
  readonly bytes: number;
  /** The largest packet that shall pass, in bytes. */
  readonly needed: number;
}

export interface PingResult {
  readonly sent: number;
  /** Of each packet that was answered, in ms. */
  readonly roundTripsMs: readonly number[];
  /** The largest packet that passes, up to `needed`; undefined: none does. */
  readonly largest: number | undefined;
}

const PAUSE_MS = 200;
/** How long answers are waited for. */
const ANSWER_MS = 500;
const STEP_MS = 20;
/** One may be lost by chance. */
const TRIES = 2;

/** Takes about `count` / 5 seconds, and two more where large packets do not pass. Throws as `open`. */
export async function ping(open: (take: TakeArrival) => Echoes, order: PingOrder): Promise<PingResult> {
  const sent = new Map<number, number>();
  const roundTrips = new Map<number, number>();
  using echoes = open(({ isAnswer, from, sequence }) => {
    const sentMs = sent.get(sequence);
    if (isAnswer && from === order.vtep && sentMs !== undefined)
      roundTrips.set(sequence, performance.now() - sentMs);
  });
  let last = 0;
  const send = (bytes: number) => {
    last += 1;
    sent.set(last, performance.now());
    echoes.send(order.vtep, last, bytes);
    return last;
  };
  /** Sends packets of these sizes, and resolves to those that were answered. */
  const passing = async (sizes: readonly number[]): Promise<Set<number>> => {
    const sequences = new Map(sizes.map((bytes) => [send(bytes), bytes]));
    const isAnswered = () => [...sequences.keys()].every((sequence) => roundTrips.has(sequence));
    for (let waitedMs = 0; waitedMs < ANSWER_MS && !isAnswered(); waitedMs += STEP_MS)
      await sleepRunning(STEP_MS);
    return new Set([...sequences].flatMap(([sequence, bytes]) => (roundTrips.has(sequence) ? bytes : [])));
  };
  const pings: number[] = [];
  for (let number = 0; number < order.count; number += 1) {
    if (number > 0) await sleep(PAUSE_MS);
    pings.push(send(order.bytes));
  }
  const largest = await findLargest(order.needed, passing);
  const roundTripsMs = pings.flatMap((sequence) => roundTrips.get(sequence) ?? []);
  return { sent: pings.length, roundTripsMs, largest };
}

async function findLargest(
  needed: number,
  passing: (sizes: readonly number[]) => Promise<Set<number>>,
): Promise<number | undefined> {
  const some = new Set<number>();
  for (let tries = 0; tries < TRIES && !some.has(needed); tries += 1)
    for (const size of await passing([SMALL_BYTES, needed])) some.add(size);
  if (some.has(needed)) return needed;
  if (!some.has(SMALL_BYTES)) return undefined;
  const search = new SizeSearch(SMALL_BYTES, needed);
  while (search.sizes.length > 0) search.note(await passing(search.sizes));
  return search.largest;
}
