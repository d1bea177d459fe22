import type { LocalNetworks } from '../../driver/local-networks.js';
import { isXnetError } from '../../errors.js';
import { keys } from '../../store/keys.js';
import type { RecordReader } from '../../store/record-reader.js';
import { endpointRecord, networkRecord } from '../../store/records.js';
import type { Entry, Store } from '../../store/store.js';
import { readOwnBindings } from './own-bindings.js';

/**
 * Fills `local` with what the store has of this host: Docker tells a driver of its networks and endpoints
 * once, when they are made, and never again after a restart (moby: daemon/libnetwork/controller.go).
 *
 * Resolves to false when the store was away: what it was last known to have may lack the last seconds before a crash
 * (LocalCatchUp reads them).
 */
export async function loadLocalState(
  store: Store,
  hostId: string,
  local: LocalNetworks,
  records: RecordReader,
): Promise<boolean> {
  let isFresh = true;
  const read = async <T>(answer: Promise<T>) => {
    const value = await answer;
    isFresh &&= !store.away;
    return value;
  };
  const { entries } = await read(store.list(keys.bindings()));
  const bindings = readOwnBindings(records, entries, hostId);
  await Promise.all(
    bindings.map(async ({ networkId, dockerNetworkId }) => {
      const key = keys.network(networkId);
      const entry = await read(store.get(key));
      const [record] = records.read(networkRecord, key, entry ? [entry] : []);
      if (record) local.addNetwork({ dockerNetworkId, record });
    }),
  );
  await Promise.all(
    [...new Set(bindings.map(({ networkId }) => networkId))].map(async (networkId) => {
      const prefix = keys.endpointsOf(networkId);
      const endpoints = records.read(endpointRecord, prefix, await read(listEntries(store, prefix)));
      for (const endpoint of endpoints) if (endpoint.hostId === hostId) local.addEndpoint(endpoint);
    }),
  );
  return isFresh;
}

/**
 * While the store is away, none of a network whose endpoints this host has never looked at: it has none there, since it
 * follows each network in which it has one.
 */
async function listEntries(store: Store, prefix: string): Promise<readonly Entry[]> {
  try {
    return (await store.list(prefix)).entries;
  } catch (error: unknown) {
    if (store.away && isXnetError(error, 'STORE_UNAVAILABLE')) return [];
    throw error;
  }
}
