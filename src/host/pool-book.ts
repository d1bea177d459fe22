import type { PoolBook } from '../driver/collaborators.js';
import type { PoolRequests } from '../driver/pool-requests.js';
import { Prefix } from '../inet/prefix.js';
import type { Ipam } from '../ipam/ipam.js';
import { ADDRESS_SPACES, formatPoolKey, parsePoolKey } from '../ipam/pool-name.js';

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
