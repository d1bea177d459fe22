/** An address of a pool in the store: how it is read and written, and who holds it. */
import { IpAddress } from '../inet/ip-address.js';
import { type AddressRecord, addressRecord, isForeign, isHeldByCluster, stateOf } from '../model/address.js';
import { endpointRecord } from '../model/endpoint.js';
import { keys } from '../model/keys.js';
import { formatPoolKey, type PoolName } from '../model/pool.js';
import { findRecord, formatRecord, parseRecord } from '../model/record.js';
import type { CommitPart, Entry, Revision, Store } from '../store/store.js';

/** An address that is not free, as it was read. */
export interface AddressEntry {
  readonly key: string;
  readonly revision: Revision;
  readonly record: AddressRecord;
}

export function addressKey(pool: PoolName, address: IpAddress | bigint): string {
  const text = typeof address === 'bigint' ? IpAddress.of(pool.subnet.family, address) : address;
  return keys.address(formatPoolKey(pool), `${text}`);
}

/** Undefined: it is free. Throws INTERNAL for a record that cannot be read, and the store's errors. */
export async function readAddress(store: Store, key: string): Promise<AddressEntry | undefined> {
  const entry = await store.get(key);
  return entry && { key, revision: entry.revision, record: parseRecord(addressRecord, entry) };
}

/** Undefined for a record that cannot be read. */
export function findAddress(entry: Entry): AddressEntry | undefined {
  const record = findRecord(addressRecord, entry);
  return record && { key: entry.key, revision: entry.revision, record };
}

export function putAddress(key: string, record: AddressRecord): { put: string; value: string } {
  return { put: key, value: formatRecord(record) };
}

/** The commit that changes the address from what was read. */
export function changeAddress({ key, revision }: AddressEntry, record: AddressRecord): CommitPart {
  return { conditions: [{ key, is: 'at', revision }], writes: [putAddress(key, record)] };
}

/**
 * Who holds an address, for an error message: `container web on host h2`. The container's name comes from Docker
 * (29 and later) or else from the endpoint's record, where it is published a moment after the start. Throws
 * STORE_UNAVAILABLE.
 */
export async function describeHolder(store: Store, record: AddressRecord): Promise<string> {
  const host = `host ${record.hostName}`;
  if (isForeign(record)) return `a device with MAC ${record.device.mac} on the LAN (found by ${host})`;
  if (stateOf(record) === 'reserved') return `${host}, in reserve`;
  if (record.purpose === 'gateway') return `a network as its gateway (first on ${host})`;
  if (record.purpose === 'auxiliary') return `a network as an auxiliary address (first on ${host})`;
  if (isHeldByCluster(record) && record.endpointId === undefined)
    return 'the cluster, for a container to come';
  const container = record.container ?? (await findPublishedName(store, record));
  if (container !== undefined) return `container ${container} on ${host}`;
  if (record.endpointId !== undefined) return `endpoint ${record.endpointId.slice(0, 12)} on ${host}`;
  return `a container that starts on ${host}`;
}

async function findPublishedName(
  store: Store,
  { networkId, endpointId }: AddressRecord,
): Promise<string | undefined> {
  if (networkId === undefined || endpointId === undefined) return undefined;
  const entry = await store.get(keys.endpoint(networkId, endpointId));
  return entry && findRecord(endpointRecord, entry)?.names?.container;
}
