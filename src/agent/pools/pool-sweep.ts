/**
 * src/agent/pools: what Docker has forgotten is given back: holds on pools, endpoints. Nothing is given back after one
 * look alone, nor while another machine may have it. Not in here: what Docker gives back by a call.
 */
import { Sweep } from '../../concurrency/sweep.js';
import type { Logger } from '../../observability/logger.js';
import type { HostRegistration } from '../hosts/host-registration.js';
import { Absences } from '../local/absences.js';
import { logLookFailure, lookProblems } from '../mirror/look-failure.js';
import { listUnusedHolds, type UnusedHoldsParts } from './unused-holds.js';

export interface PoolSweepParts extends UnusedHoldsParts {
  /** Gives back what this host holds. */
  readonly pools: UnusedHoldsParts['pools'] & { releasePool(poolId: string): Promise<void> };
  readonly registration: Pick<HostRegistration, 'isOwner'>;
  readonly logger: Logger;
  /** Default 20000 ms. */
  readonly sweepMs?: number;
  /** How long a hold must be unused. Default 60000 ms: longer than Docker may take to create a network. */
  readonly graceMs?: number;
}

/** For messages about its failure. */
const LOOK = 'look for pools left over';

/**
 * Gives back the pools of creations that broke off (dockerd or xnet ended in the midst of one): Docker knows nothing
 * of them, so nobody else would.
 */
export class PoolSweep extends Sweep {
  readonly #parts: Required<PoolSweepParts>;
  readonly #orphans = new Absences();

  constructor(parts: PoolSweepParts) {
    const { sweepMs = 20_000, graceMs = 60_000, logger } = parts;
    super({
      look: () => this.#giveBack(),
      retryMs: sweepMs,
      onFailure: (error) => logLookFailure(logger, LOOK, error),
    });
    this.#parts = { ...parts, sweepMs, graceMs };
  }

  /** For `xnet status`. */
  get problems(): readonly string[] {
    return lookProblems(LOOK, this.failure);
  }

  async #giveBack(): Promise<number> {
    const { pools, logger, sweepMs, graceMs, registration } = this.#parts;
    if (!registration.isOwner) return sweepMs;
    const orphans = (await listUnusedHolds(this.#parts)).map(({ poolId }) => poolId);
    this.#orphans.note(orphans);
    for (const poolId of orphans.filter((each) => this.#orphans.isLongerThan(each, graceMs))) {
      await pools.releasePool(poolId);
      logger.info('the pool of a creation that broke off is given back', { pool: poolId });
    }
    return Math.min(sweepMs, this.#orphans.leftOf(graceMs));
  }
}
