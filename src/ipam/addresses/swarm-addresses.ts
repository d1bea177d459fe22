import type { IpAddress } from '../../inet/ip-address.js';
import { addressRecord, isHeldByCluster } from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { formatRecord, parseRecord } from '../../model/record.js';
import { transact } from '../../store/transact.js';
import { ADDRESS_SPACES } from '../address-space.js';
import { clusterReference, isClusterHold } from '../cluster-hold.js';
import { type IpamContext, unfinishedKey } from '../ipam-context.js';
import { type PoolReference, randomToken } from '../pool-id.js';
import { formatPoolKey } from '../pool-name.js';

/**
 * True when the cluster holds the address for swarm already, so that nothing is left to claim. There are two callers:
 * - A host that joined the pool starts a container to which swarm assigned the address.
 * - A manager requests again all addresses that it has assigned (`isRepeatable`). It may have released one in between
 *   that an endpoint still has: then the cluster holds it again.
 * Whether another endpoint has the address is checked when an endpoint is bound to it.
 */
export async function reuseSwarmAddress(
  { store, unfinished, transactions }: IpamContext,
  pool: PoolReference,
  address: IpAddress,
  { isRepeatable = false }: { readonly isRepeatable?: boolean },
): Promise<boolean> {
  if (pool.space !== ADDRESS_SPACES.global || (isClusterHold(pool) && !isRepeatable)) return false;
  const key = keys.address(formatPoolKey(pool), `${address}`);
  const reference = clusterReference(pool);
  return transact<boolean>(
    store,
    async () => {
      const entry = await store.get(key);
      const record = entry && parseRecord(addressRecord, entry);
      if (!entry || !record || !isHeldByCluster(record)) return { result: false };
      const isHeld = record.references.includes(reference);
      if (!isClusterHold(pool)) return { result: isHeld };
      if (isHeld && !unfinished.has(unfinishedKey(key, record.claim))) return { result: true };
      const held = { ...record, claim: randomToken(), references: [reference] };
      return {
        result: true,
        conditions: [{ key, is: 'at', revision: entry.revision }],
        writes: [{ put: key, value: formatRecord(held) }],
      };
    },
    transactions,
  );
}
