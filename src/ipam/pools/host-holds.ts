import { keys } from '../../model/keys.js';
import { poolReferenceRecord } from '../../model/pool.js';
import type { IpamContext } from '../ipam-context.js';
import { type PoolReference, parsePoolId } from '../pool-id.js';
import { parsePoolKey } from '../pool-name.js';

/**
 * This host's references to pools, except those that the PoolIDs name. Without the ranges, which the store does not
 * have.
 */
export async function listHoldsExcept(
  { store, host, records }: IpamContext,
  poolIds: readonly string[],
): Promise<PoolReference[]> {
  const named = new Set(poolIds.map((poolId) => parsePoolId(poolId).reference));
  const { entries } = await store.list(keys.poolReferences());
  const own = entries.filter(({ key }) => key.includes(`/${host.id}/`));
  return records
    .read(poolReferenceRecord, keys.poolReferences(), own)
    .filter(({ hostId, reference }) => hostId === host.id && !named.has(reference))
    .map(({ poolKey, reference }) => ({ ...parsePoolKey(poolKey), reference }));
}
