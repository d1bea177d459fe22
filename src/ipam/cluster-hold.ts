/**
 * Holds on pools of the global space. A manager of swarm's requests a pool once for the whole cluster, and after a
 * change of leader another manager requests it again. So the hold belongs to the cluster and not to a host, and every
 * manager gets the same PoolID. An address that is handed out through the hold belongs to the cluster, too, also while
 * an endpoint has it: a manager may release it at any time, and no host may write it while the store is away.
 */
import { createHash } from 'node:crypto';
import { CLUSTER, type Holder } from '../model/address.js';
import { ADDRESS_SPACES } from './address-space.js';
import type { IpamHost } from './ipam-context.js';
import type { PoolReference } from './pool-id.js';
import { formatPoolKey, type PoolName } from './pool-name.js';

/** The reference of the cluster's hold on the pool: 16 hex digits, like those of hosts. */
export function clusterReference(pool: PoolName): string {
  return createHash('sha256').update(formatPoolKey(pool)).digest('hex').slice(0, 16);
}

/** The cluster's hold on the pool. */
export function clusterHold(pool: PoolName): PoolReference {
  return { ...pool, reference: clusterReference(pool) };
}

/** True for the cluster's hold, false for the hold of a host that joined the pool. */
export function isClusterHold(pool: PoolReference): boolean {
  return pool.space === ADDRESS_SPACES.global && pool.reference === clusterReference(pool);
}

/** Who holds the pool by this reference. */
export function holderOf(pool: PoolReference, host: IpamHost): Holder {
  return isClusterHold(pool) ? CLUSTER : { hostId: host.id, hostName: host.name };
}
