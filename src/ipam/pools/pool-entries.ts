/** The store's entries of a pool: how they are read, and the writes that make and remove them. */
import { keys } from '../../model/keys.js';
import type { PoolRecord } from '../../model/pool.js';
import { parsePoolRecordKey } from '../../model/pool.js';
import { formatRecord } from '../../model/record.js';
import type { Entry, Write } from '../../store/store.js';
import { holderOf, isClusterHold } from '../cluster-hold.js';
import type { IpamHost } from '../ipam-context.js';
import type { PoolReference } from '../pool-id.js';
import { formatPoolKey, type PoolName, parsePoolKey } from '../pool-name.js';

/**
 * All pools, from their keys alone: a pool whose record cannot be read (a newer xnet wrote it) occupies its subnet as
 * well. A key that names no pool is left out.
 */
export function listPools(entries: readonly Entry[]): PoolName[] {
  return entries.flatMap(({ key }) => {
    try {
      return [parsePoolKey(parsePoolRecordKey(key))];
    } catch {
      return [];
    }
  });
}

export function createPoolWrites(pool: PoolReference): Write[] {
  const { space, networkName, subnet } = pool;
  const record: PoolRecord = {
    ...{ version: 1, space, subnet: `${subnet}` },
    ...(networkName === undefined ? {} : { networkName }),
  };
  return [
    { put: keys.poolGuard(), value: pool.reference },
    { put: keys.pool(formatPoolKey(pool)), value: formatRecord(record) },
  ];
}

/** Where the hold on the pool is: a host's own, or the cluster's. */
export function referenceKey(pool: PoolReference, host: IpamHost): string {
  return keys.poolReference(formatPoolKey(pool), holderOf(pool, host).hostId, pool.reference);
}

/** `request`: id of the request, recorded in the cluster's hold, so that a repetition recognizes what it made. */
export function referenceWrites(pool: PoolReference, host: IpamHost, request: string): Write[] {
  const poolKey = formatPoolKey(pool);
  const { reference } = pool;
  const { hostId, hostName } = holderOf(pool, host);
  const origin = isClusterHold(pool) ? { request } : {};
  const record = { version: 1 as const, poolKey, hostId, hostName, reference, ...origin };
  return [
    { put: keys.poolReferenceGuard(poolKey), value: reference },
    { put: referenceKey(pool, host), value: formatRecord(record) },
  ];
}

/** `isLast`: the cluster has no other pool, so the guard is removed, too. */
export function removePoolWrites(pool: PoolReference, isLast: boolean): Write[] {
  const poolKey = formatPoolKey(pool);
  return [
    { remove: keys.pool(poolKey) },
    { remove: keys.poolReferenceGuard(poolKey) },
    isLast ? { remove: keys.poolGuard() } : { put: keys.poolGuard(), value: pool.reference },
  ];
}
