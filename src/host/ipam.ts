/** The IPAM of a host: made, and as the network driver sees it. */
import { hostname } from 'node:os';
import type { PoolBook } from '../driver/collaborators.js';
import type { PoolRequests } from '../driver/pool-requests.js';
import { errorMessage } from '../errors.js';
import { Prefix } from '../inet/prefix.js';
import { ADDRESS_SPACES } from '../ipam/address-space.js';
import { Ipam } from '../ipam/ipam.js';
import { formatPoolKey, parsePoolKey } from '../ipam/pool-name.js';
import type { Forwarding } from './forwarding.js';
import type { Foundation } from './foundation.js';

export function createIpam(
  { config, logger, hostId }: Foundation,
  { replica: store, records, local }: Forwarding,
): Ipam {
  const host = {
    id: hostId,
    // Read at each use: it may change.
    get name() {
      return hostname();
    },
  };
  const { defaultPools, restSeconds } = config;
  const reserves = {
    // None where the store is embedded, which is never away; nor where swarm's manager gives the addresses out.
    size: config.store === 'embedded' || config.scope === 'global' ? 0 : config.reserve,
    isPoolHere: (poolKey: string) =>
      local.listNetworks().some(({ record }) => record.pools.some((pool) => pool.poolKey === poolKey)),
    onFailure: (error: unknown) =>
      logger.debug('cannot look after the reserves', { error: errorMessage(error) }),
  };
  return new Ipam({ store, records, host, defaultPools, restSeconds, reserves });
}

/** The pools of IPAM, as the network driver sees them. */
export function poolBook(poolRequests: PoolRequests, ipam: Ipam): PoolBook {
  return {
    findRequested: (addressSpace, subnet, networkName) =>
      poolRequests.take(addressSpace, subnet, networkName),
    ownPoolKey: (networkId, subnet) =>
      formatPoolKey({ space: ADDRESS_SPACES.local, networkName: networkId, subnet: Prefix.parse(subnet) }),
    isGlobal: (poolKey) => parsePoolKey(poolKey).space === ADDRESS_SPACES.global,
    listGlobal: (subnet) => ipam.listGlobalPools(Prefix.parse(subnet)),
    release: (poolId) => ipam.releasePool(poolId),
    beginTakeover: (poolKey) => ipam.beginTakeover(poolKey),
    releaseGlobal: (poolKey) => ipam.releaseGlobalPool(poolKey),
  };
}
