/** The store's entries of pools and of the holds on them: how they are read, and the writes that make and remove them. */
import type { Holder } from '../../model/address.js';
import { putHold } from '../../model/by-host.js';
import { keys } from '../../model/keys.js';
import { type PoolName, type PoolRecord, parsePoolKey, parsePoolRecordKey } from '../../model/pool.js';
import { formatRecord } from '../../model/record.js';
import type { Entry, Store, Write } from '../../store/store.js';
import { type Hold, holderOf, holdOn, splitPoolId } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';

export async function listPools(store: Pick<Store, 'list'>): Promise<PoolName[]> {
  return poolsOf((await store.list(keys.pools())).entries);
}

/**
 * All pools, from their keys alone: a pool whose record cannot be read (a newer xnet wrote it) occupies its subnet as
 * well. A key that names no pool is left out.
 */
export function poolsOf(entries: readonly Entry[]): PoolName[] {
  return entries.flatMap(({ key }) => {
    try {
      return [parsePoolKey(parsePoolRecordKey(key) ?? '')];
    } catch {
      return [];
    }
  });
}

/** This host's holds, except those that the PoolIDs name. Without the ranges, which the store does not have. */
export async function listHoldsExcept(
  { holds }: Pick<IpamContext, 'holds'>,
  poolIds: readonly string[],
): Promise<Hold[]> {
  const named = new Set(poolIds.map((poolId) => splitPoolId(poolId).id));
  return (await holds.list())
    .filter(({ reference }) => !named.has(reference))
    .map(({ poolKey, reference }) => holdOn(parsePoolKey(poolKey), reference));
}

export function createPoolWrites({ space, networkName, subnet, id, poolKey }: Hold): Write[] {
  const record: PoolRecord = {
    ...{ version: 1, space, subnet: `${subnet}` },
    ...(networkName !== undefined && { networkName }),
  };
  return [
    { put: keys.poolGuard(), value: id },
    { put: keys.pool(poolKey), value: formatRecord(record) },
  ];
}

/** `request`: id of the request, recorded in the cluster's hold, so that a repetition recognizes what it made. */
export function holdWrites(hold: Hold, host: Holder, request: string): Write[] {
  const { poolKey, id: reference } = hold;
  const { hostId, hostName } = holderOf(hold, host);
  const origin = hold.isOfCluster ? { request } : {};
  const record = { version: 1 as const, poolKey, hostId, hostName, reference, ...origin };
  return [{ put: keys.poolReferenceGuard(poolKey), value: reference }, ...putHold(record)];
}

/** `isLast`: the cluster has no other pool, so the guard is removed, too. */
export function removePoolWrites({ poolKey, id }: Hold, isLast: boolean): Write[] {
  return [
    { remove: keys.pool(poolKey) },
    { remove: keys.poolReferenceGuard(poolKey) },
    isLast ? { remove: keys.poolGuard() } : { put: keys.poolGuard(), value: id },
  ];
}
