/**
 * Holds on pools of the global space. Swarm's managers ask for a pool once for the whole cluster, and after a change
 * of leader another one asks for it again, so that such a hold is the cluster's and not a host's, and the same PoolID
 * comes out whoever asks. What is handed out through it belongs to the cluster too, also while an endpoint of some host
 * has it: its manager gives it back, at whatever time, and no host may write it while the store is away.
 */
import { createHash } from 'node:crypto';
import { CLUSTER, type Holder } from '../model/address.js';
import { ADDRESS_SPACES } from './address-space.js';
import type { IpamHost } from './ipam-context.js';
import type { PoolReference } from './pool-id.js';
import { formatPoolKey, type PoolName } from './pool-name.js';

/** What the cluster's hold on the pool is called: 16 hex digits, as those of hosts. */
export function clusterReference(pool: PoolName): string {
  return createHash('sha256').update(formatPoolKey(pool)).digest('hex').slice(0, 16);
}

/** The cluster's hold on the pool. */
export function clusterHold(pool: PoolName): PoolReference {
  return { ...pool, reference: clusterReference(pool) };
}

/** The hold that whoever asked for a pool of the global space has, and not one of a host that joined it. */
export function isClusterHold(pool: PoolReference): boolean {
  return pool.space === ADDRESS_SPACES.global && pool.reference === clusterReference(pool);
}

/** Who holds the pool by this reference. */
export function holderOf(pool: PoolReference, host: IpamHost): Holder {
  return isClusterHold(pool) ? CLUSTER : { hostId: host.id, hostName: host.name };
}
