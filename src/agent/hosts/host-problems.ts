import { Sweep } from '../../concurrency/sweep.js';
import { errorMessage } from '../../errors.js';
import { type HostProblemsRecord, hostProblemsRecord } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import { formatRecord } from '../../model/record.js';
import type { Logger } from '../../observability/logger.js';
import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';

const LOOK_MS = 2000;
/** What every host of the cluster keeps, of each: enough to know where to look. */
const MOST_PROBLEMS = 5;
const LONGEST_PROBLEM = 400;

export interface HostProblemsParts {
  readonly replica: Replica;
  readonly hostId: string;
  readonly logger: Logger;
  /** This host's, as of now. */
  readonly own: () => readonly string[];
  /** How often these are compared with what the store has of them, in memory. Default 2000 ms. */
  readonly lookMs?: number;
}

/**
 * Lets every host know of the problems of each: a network that is missing on one concerns them all. Written only when
 * they change, and only those that two looks have seen: each start has some for a moment. The record of a host that has
 * ended stays until its next start, and is ignored until then.
 */
export class HostProblems extends Sweep {
  readonly #parts: HostProblemsParts;
  readonly #all: View<HostProblemsRecord>;
  /** At the look before. */
  #before: readonly string[] = [];
  #own: readonly string[] = [];

  constructor(parts: HostProblemsParts) {
    super({
      look: () => this.#publish(),
      retryMs: parts.lookMs ?? LOOK_MS,
      onFailure: (error) =>
        parts.logger.debug('cannot publish the problems of this host', { error: errorMessage(error) }),
    });
    this.#parts = parts;
    this.#all = parts.replica.follow(keys.allHostProblems(), hostProblemsRecord);
  }

  /** Resolves when those of the others are known. */
  override async start(): Promise<void> {
    await this.#all.ready;
    super.start();
  }

  /** Those of this host that two looks have seen. */
  get own(): readonly string[] {
    return this.#own;
  }

  /** What a host has published last; of one that is alive it is at most seconds old. */
  of(hostId: string): readonly string[] {
    return this.#all.get(keys.hostProblems(hostId))?.record?.problems ?? [];
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.#all[Symbol.asyncDispose]();
  }

  async #publish(): Promise<number> {
    const { replica, hostId, lookMs = LOOK_MS } = this.#parts;
    const now = this.#parts.own();
    this.#own = now.filter((problem) => this.#before.includes(problem));
    this.#before = now;
    const problems = bounded(this.#own);
    if (problems.join('\n') !== this.of(hostId).join('\n')) {
      const key = keys.hostProblems(hostId);
      const value = formatRecord<HostProblemsRecord>({ version: 1, hostId, problems });
      // Not of a host that was removed.
      const isAlive = { key: keys.alive(hostId), is: 'present' } as const;
      await replica.commit([isAlive], [problems.length === 0 ? { remove: key } : { put: key, value }]);
    }
    return lookMs;
  }
}

function bounded(problems: readonly string[]): string[] {
  const more = problems.length - MOST_PROBLEMS;
  const shown = problems.slice(0, more > 0 ? MOST_PROBLEMS - 1 : MOST_PROBLEMS);
  const cut = shown.map((text) =>
    text.length > LONGEST_PROBLEM ? `${text.slice(0, LONGEST_PROBLEM)}...` : text,
  );
  return more > 0 ? [...cut, `${more + 1} more; \`xnet status\` there shows them`] : cut;
}
