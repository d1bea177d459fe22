import type { SeenFrames } from '../../dataplane/policy/policies.js';

/** Less than the hour that `xnet doctor` looks back, so that what goes on is always in it. */
const REPEAT_MS = 55 * 60_000;
/** Within that time; all others are one event. */
const MOST_EVENTS = 100;

interface Pair {
  /** As it was last listed. */
  frames: SeenFrames;
  /** Since the last event. */
  pending: number;
  /** Undefined: in no event yet. */
  notedAt: number | undefined;
}

/**
 * Which of the pairs of containers whose frames are dropped in a network are to be events, so that neither one that tries without end nor one that
 * tries all ports leaves no room for other events. Pure.
 */
export class DeniedPairs {
  readonly #pairs = new Map<string, Pair>();
  #begunAt = -Infinity;
  #noted = 0;
  /** Pairs beyond those, since the last event of their number. */
  #more = 0;
  #moreAt = -Infinity;

  /** `listed`: as the kernel has them now, which forgets one after some minutes. `isNews`: false of what an earlier daemon has seen. */
  learn(listed: readonly SeenFrames[], isNews: boolean): void {
    for (const frames of listed) {
      const key = keyOf(frames);
      const known = this.#pairs.get(key);
      const former = known?.frames.packets ?? 0;
      const times = isNews ? frames.packets - (former > frames.packets ? 0 : former) : 0;
      const { pending = 0, notedAt } = known ?? {};
      this.#pairs.set(key, { frames, pending: pending + times, notedAt });
    }
    const present = new Set(listed.map(keyOf));
    for (const [key, pair] of this.#pairs)
      if (!present.has(key)) pair.frames = { ...pair.frames, packets: 0 };
  }

  /** Those that an event is due of, with the packets since the last one; and how many others there are, when that is to be an event. */
  takeDue(now: number): { readonly due: readonly SeenFrames[]; readonly more: number } {
    if (now - this.#begunAt >= REPEAT_MS) {
      this.#begunAt = now;
      this.#noted = 0;
    }
    const due: SeenFrames[] = [];
    for (const [key, pair] of this.#pairs) {
      const isRecent = pair.notedAt !== undefined && now - pair.notedAt < REPEAT_MS;
      if (isRecent) continue;
      if (pair.pending > 0) this.#take(pair, now, due);
      else if (pair.frames.packets === 0) this.#pairs.delete(key);
    }
    const isMoreDue = this.#more > 0 && now - this.#moreAt >= REPEAT_MS;
    const more = isMoreDue ? this.#more : 0;
    if (isMoreDue) {
      this.#more = 0;
      this.#moreAt = now;
    }
    return { due, more };
  }

  #take(pair: Pair, now: number, due: SeenFrames[]): void {
    if (this.#noted < MOST_EVENTS) {
      this.#noted += 1;
      due.push({ ...pair.frames, packets: pair.pending });
    } else this.#more += 1;
    pair.pending = 0;
    pair.notedAt = now;
  }
}

function keyOf({ fromMac, toMac, protocol, port }: SeenFrames): string {
  return `${fromMac} ${toMac} ${protocol} ${port}`;
}
