import { Sweep } from '../concurrency/sweep.js';
import type { DockerNetwork, Engine } from '../docker/engine.js';
import { errorMessage } from '../errors.js';
import { Prefix } from '../inet/prefix.js';
import type { Logger } from '../observability/logger.js';
import { keys } from '../store/keys.js';
import { type BindingRecord, bindingRecord } from '../store/records.js';
import type { Store } from '../store/store.js';
import { Absences } from './absences.js';
import { readRecords } from './watch-records.js';

export interface PoolHold {
  readonly poolId: string;
  readonly subnet: string;
}

export interface PoolSweepParts {
  readonly store: Store;
  readonly engine: Pick<Engine, 'listNetworks'>;
  /** This host's holds on pools. */
  readonly pools: {
    listUnnamedHolds(poolIds: readonly string[]): Promise<PoolHold[]>;
    releasePool(poolId: string): Promise<void>;
  };
  readonly hostId: string;
  /** Name under which this host's Docker knows xnet. */
  readonly driver: string;
  readonly logger: Logger;
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
    const { store, engine, pools, hostId, driver, logger, sweepMs, graceMs } = this.#parts;
    const { entries } = await store.list(keys.bindings());
    const bindings = readRecords(bindingRecord, entries, logger).filter(
      (binding) => binding.hostId === hostId,
    );
    const holds = await pools.listUnnamedHolds(bindings.flatMap(({ poolIds = [] }) => poolIds));
    const orphans = planPoolSweep(holds, bindings, await engine.listNetworks(), driver);
    this.#orphans.note(orphans);
    for (const poolId of orphans.filter((each) => this.#orphans.isLongerThan(each, graceMs))) {
      await pools.releasePool(poolId);
      logger.info('the pool of a creation that broke off is given back', { pool: poolId });
    }
    return sweepMs;
  }
}

/**
 * PoolIDs of the holds that belong to nothing: no binding names them, and no Docker network has their subnet from
 * xnet's IPAM without a binding that names all its holds. One of another driver has none, and one that xnet was
 * restarted in the midst of creating has one that names too few. Pure.
 */
export function planPoolSweep(
  unnamed: readonly PoolHold[],
  bindings: readonly Pick<BindingRecord, 'dockerNetworkId' | 'poolIds'>[],
  dockerNetworks: readonly Pick<DockerNetwork, 'id' | 'ipam'>[],
  driver: string,
): string[] {
  const named = new Map(
    bindings.map(({ dockerNetworkId, poolIds = [] }) => [dockerNetworkId, poolIds.length]),
  );
  const subnets = new Set(
    dockerNetworks
      .filter(({ id, ipam }) => ipam.driver === driver && (named.get(id) ?? 0) < ipam.subnets.length)
      .flatMap(({ ipam }) => ipam.subnets)
      .map(({ subnet }) => subnet && `${Prefix.parseInterface(subnet).prefix}`),
  );
  return unnamed.filter(({ subnet }) => !subnets.has(subnet)).map(({ poolId }) => poolId);
}
