import { Sweep } from '../../concurrency/sweep.js';
import { errorMessage } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';

export interface OutwardWatchParts {
  /** What the way outside depends on; costs a file and a question to the kernel. */
  readonly settings: () => Promise<{ readonly forwards: boolean; readonly rules: number | undefined }>;
  /** What keeps the containers of this host from what is outside, each with its remedy; starts programs. */
  readonly find: () => Promise<readonly string[]>;
  readonly logger: Logger;
}

/** A fault is a problem within a minute. */
const LOOK_MS = 20_000;
/** After the start, when it is known which bridges Docker has. */
const FIRST_MS = 10_000;
/** Docker, and whoever reloads a firewall, writes rules anew: they are gone for a moment. */
const CONFIRM_MS = 5_000;

/**
 * Finds that containers lost their way outside: the kernel does not forward any more, or Docker's rules are gone. What it depends on is
 * compared every 20 s; only after a change, and while there is a problem, rules are read.
 */
export class OutwardWatch extends Sweep {
  readonly #parts: OutwardWatchParts;
  #problems: readonly string[] = [];
  /** As of the last look at the rules. */
  #known: string | undefined;
  #isBegun = false;
  #isDoubtful = false;

  constructor(parts: OutwardWatchParts) {
    super({
      look: () => this.#look(),
      retryMs: LOOK_MS,
      leastRetryMs: LOOK_MS,
      onFailure: (error) =>
        parts.logger.debug('cannot look at the way outside', { error: errorMessage(error) }),
    });
    this.#parts = parts;
  }

  /** For `xnet status`. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  async #look(): Promise<number> {
    if (!this.#isBegun) {
      this.#isBegun = true;
      return FIRST_MS;
    }
    const settings = JSON.stringify(await this.#parts.settings());
    if (settings === this.#known && this.#problems.length === 0) return LOOK_MS;
    const found = await this.#parts.find();
    if (found.length > 0 && this.#problems.length === 0 && !this.#isDoubtful) {
      this.#isDoubtful = true;
      return CONFIRM_MS;
    }
    this.#isDoubtful = false;
    this.#problems = found;
    this.#known = settings;
    return LOOK_MS;
  }
}
