/**
 * Answers of Docker's resolver that deny a name. While this host does not know yet which names the cluster has (a daemon
 * that has just started), the name may be another host's: the answer waits, and the network's names are looked at again.
 * What waits too long becomes a failure (SERVFAIL): clients take that for temporary, and a denial for final.
 */
import { sleep } from '../../concurrency/deadline.js';
import { formatFailure, isDenial } from '../answers/response.js';

/** Clients have given up by then (resolv.conf(5): two attempts of 5 s). */
const LONGEST_WAIT_MS = 10_000;
const LOOK_MS = 50;
/** Of one sandbox at a time; further answers are passed on. */
const MOST_WAITING = 1024;

export class Denials {
  #waiting = 0;

  /** `isCurrent`: all names of the sandbox's networks are known, as far as they can be. */
  constructor(private readonly isCurrent: () => boolean) {}

  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Resolves to what is to be said instead of `answer`: what `findOwn` finds once the names can be looked at again, or
   * the same answer. Undefined, which costs next to nothing, where `answer` denies nothing or need not wait.
   */
  hold(answer: Buffer, findOwn: () => Promise<Buffer | undefined>): Promise<Buffer> | undefined {
    if (!isDenial(answer) || this.isCurrent() || this.#waiting >= MOST_WAITING) return undefined;
    return this.#wait(answer, findOwn);
  }

  async #wait(answer: Buffer, findOwn: () => Promise<Buffer | undefined>): Promise<Buffer> {
    this.#waiting++;
    try {
      for (let waitedMs = 0; waitedMs < LONGEST_WAIT_MS && !this.isCurrent(); waitedMs += LOOK_MS) {
        await sleep(LOOK_MS);
      }
      return (await findOwn()) ?? (this.isCurrent() ? answer : formatFailure(answer));
    } finally {
      this.#waiting--;
    }
  }
}
