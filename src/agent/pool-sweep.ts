import { Sweep } from '../concurrency/sweep.js';
import { errorMessage } from '../errors.js';
import { Absences } from './absences.js';
import { type LooseHoldsParts, listLooseHolds } from './loose-holds.js';

export interface PoolSweepParts extends LooseHoldsParts {
  /** Gives back what this host holds. */
  readonly pools: LooseHoldsParts['pools'] & { releasePool(poolId: string): Promise<void> };
  /** Default 20000 ms. */
  readonly sweepMs?: number;
  /** How long a hold must belong to nothing. Default 60000 ms: longer than Docker may take to create a network. */
  readonly graceMs?: number;
}

/**
 * Gives back the pools of creations that broke off (dockerd or xnet ended in the midst of one): Docker knows nothing
 * of them, so nobody else would.
 */
export class PoolSweep implements AsyncDisposable {
  readonly #parts: Required<PoolSweepParts>;
  readonly #sweep: Sweep;
  readonly #orphans = new Absences();

  constructor(parts: PoolSweepParts) {
    this.#parts = { sweepMs: 20_000, graceMs: 60_000, ...parts };
    this.#sweep = new Sweep({
      look: () => this.#look(),
      retryMs: this.#parts.sweepMs,
      // Docker or the store is away: said by the status.
      onFailure: (error) =>
        parts.logger.debug('cannot look for pools left over', { error: errorMessage(error) }),
    });
  }

  start(): void {
    this.#sweep.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweep[Symbol.asyncDispose]();
  }

  async #look(): Promise<number> {
    const { pools, logger, sweepMs, graceMs } = this.#parts;
    const orphans = (await listLooseHolds(this.#parts)).map(({ poolId }) => poolId);
    this.#orphans.note(orphans);
    for (const poolId of orphans.filter((each) => this.#orphans.isLongerThan(each, graceMs))) {
      await pools.releasePool(poolId);
      logger.info('the pool of a creation that broke off is given back', { pool: poolId });
    }
    return sweepMs;
  }
}
