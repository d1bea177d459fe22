import { type AddressRecord, isHeldByCluster, stateOf } from '../model/address.js';
import { endpointRecord } from '../model/endpoint.js';
import { keys } from '../model/keys.js';
import { findRecord } from '../model/record.js';
import type { Store } from '../store/store.js';

/**
 * Who holds an address, for an error message: `container web on host h2`. The container's name comes from Docker
 * (29 and later) or else from the endpoint's record, where it is published a moment after the start. Throws
 * STORE_UNAVAILABLE.
 */
export async function findHolder(store: Store, record: AddressRecord): Promise<string> {
  const host = `host ${record.hostName}`;
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
