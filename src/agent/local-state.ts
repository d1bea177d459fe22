import type { LocalNetworks } from '../driver/local-networks.js';
import type { Logger } from '../observability/logger.js';
import { keys } from '../store/keys.js';
import { bindingRecord, endpointRecord, networkRecord, parseRecord } from '../store/records.js';
import type { Store } from '../store/store.js';
import { readRecords } from './watch-records.js';

/**
 * Fills `local` with what the store has of this host: Docker tells a driver of its networks and endpoints
 * once, when they are made, and never again after a restart (moby: daemon/libnetwork/controller.go).
 */
export async function loadLocalState(
  store: Store,
  hostId: string,
  local: LocalNetworks,
  logger: Logger,
): Promise<void> {
  const { entries } = await store.list(keys.bindings());
  const bindings = readRecords(bindingRecord, entries, logger).filter((binding) => binding.hostId === hostId);
  await Promise.all(
    bindings.map(async ({ networkId, dockerNetworkId }) => {
      const entry = await store.get(keys.network(networkId));
      if (entry) local.addNetwork({ dockerNetworkId, record: parseRecord(networkRecord, entry) });
    }),
  );
  await Promise.all(
    [...new Set(bindings.map(({ networkId }) => networkId))].map(async (networkId) => {
      const { entries: found } = await store.list(keys.endpointsOf(networkId));
      for (const endpoint of readRecords(endpointRecord, found, logger)) {
        if (endpoint.hostId === hostId) local.addEndpoint(endpoint);
      }
    }),
  );
}
