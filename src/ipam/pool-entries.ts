/** The store's entries of a pool: how they are read, and the writes that make and remove them. */
import { Prefix } from '../inet/prefix.js';
import { keys } from '../store/keys.js';
import { formatRecord, type PoolRecord, parseRecord, poolRecord } from '../store/records.js';
import type { Entry, Write } from '../store/store.js';
import { parseAddressSpace } from './address-space.js';
import type { IpamHost } from './ipam-context.js';
import type { PoolReference } from './pool-id.js';
import { formatPoolKey, type PoolName } from './pool-name.js';

export function readPool(entry: Entry): PoolName {
  const { space, networkName, subnet } = parseRecord(poolRecord, entry);
  const name = { space: parseAddressSpace(space), subnet: Prefix.parse(subnet) };
  return networkName === undefined ? name : { ...name, networkName };
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

export function referenceWrites(pool: PoolReference, host: IpamHost): Write[] {
  const poolKey = formatPoolKey(pool);
  const { reference } = pool;
  const record = { version: 1 as const, poolKey, hostId: host.id, hostName: host.name, reference };
  return [
    { put: keys.poolReferenceGuard(poolKey), value: reference },
    { put: keys.poolReference(poolKey, host.id, reference), value: formatRecord(record) },
  ];
}

/** `isLast`: there is no other pool in the cluster, so that not even the guard stays. */
export function removePoolWrites(pool: PoolReference, isLast: boolean): Write[] {
  const poolKey = formatPoolKey(pool);
  return [
    { remove: keys.pool(poolKey) },
    { remove: keys.poolReferenceGuard(poolKey) },
    isLast ? { remove: keys.poolGuard() } : { put: keys.poolGuard(), value: pool.reference },
  ];
}
