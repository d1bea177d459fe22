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
 * Whether an address named by somebody is one that the cluster has given out, so that nothing is left to be claimed.
 * A host that joined the pool starts the container that swarm gave the address to. A manager asks again for all that it
 * has given out (`isRepeatable`), also for what it has given back meanwhile while an endpoint still has it: then
 * the cluster holds it again. Whether the address is another endpoint's is settled when an endpoint takes it.
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
