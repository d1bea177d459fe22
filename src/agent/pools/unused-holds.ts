import { type DockerNetwork, type Engine, prefixesOf } from '../../docker/engine.js';
import { OUR_DRIVER } from '../../docker/own-plugin.js';
import type { BindingRecord } from '../../model/binding.js';
import type { PoolHold } from '../../model/pool.js';
import type { View } from '../../replica/view.js';

export interface UnusedHoldsParts {
  readonly engine: Pick<Engine, 'listNetworks'>;
  /** Of this host. */
  readonly bindings: View<BindingRecord>;
  readonly pools: {
    /** This host's holds on pools, except those that the PoolIDs name. */
    listHoldsExcept(poolIds: readonly string[]): Promise<PoolHold[]>;
  };
}

/**
 * This host's holds on pools that belong to no network: Docker is creating one with them now, or its creation broke
 * off. Throws DOCKER and the store's errors.
 */
export async function listUnusedHolds(parts: UnusedHoldsParts): Promise<PoolHold[]> {
  const { engine, pools } = parts;
  const bindings = parts.bindings.records;
  const holds = await pools.listHoldsExcept(bindings.flatMap(({ poolIds = [] }) => poolIds));
  // Mostly there is none, and then Docker is not called: while it starts, it answers nobody before this host's driver has answered it.
  if (holds.length === 0) return [];
  return findUnusedHolds(holds, bindings, await engine.listNetworks());
}

/**
 * The holds that belong to no network: no binding names them, and no Docker network that may have them has their subnet
 * from xnet's IPAM. Such a network has no binding (it is another driver's), or one that names too few holds (an xnet
 * without access to Docker's API was restarted while Docker created it). Pure.
 */
export function findUnusedHolds<Hold extends Pick<PoolHold, 'subnet'>>(
  unnamed: readonly Hold[],
  bindings: readonly Pick<BindingRecord, 'dockerNetworkId' | 'poolIds'>[],
  dockerNetworks: readonly Pick<DockerNetwork, 'id' | 'ipam'>[],
): Hold[] {
  const named = new Map(
    bindings.map(({ dockerNetworkId, poolIds = [] }) => [dockerNetworkId, poolIds.length]),
  );
  const subnets = new Set(
    dockerNetworks
      .filter(({ id, ipam }) => ipam.driver === OUR_DRIVER && (named.get(id) ?? 0) < ipam.subnets.length)
      .flatMap((network) => prefixesOf(network).map(String)),
  );
  return unnamed.filter(({ subnet }) => !subnets.has(subnet));
}
