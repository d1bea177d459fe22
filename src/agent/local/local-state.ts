/**
 * src/agent/local: what this host's Docker has of xnet, read from the store after a start. Docker reports it to a
 * driver only once, when it is created. Not in here: later changes, which come with the driver's calls.
 */
import type { LocalNetworks } from '../../driver/local-networks.js';
import { isXnetError } from '../../errors.js';
import type { BindingRecord } from '../../model/binding.js';
import { endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import type { NetworkRecord } from '../../model/network.js';
import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';
import type { RecordReader } from '../../store/record-reader.js';
import type { Snapshot } from '../../store/store.js';

export interface LocalStateParts {
  readonly replica: Replica;
  readonly hostId: string;
  readonly networks: View<NetworkRecord>;
  /** Of this host. */
  readonly bindings: View<BindingRecord>;
  readonly local: LocalNetworks;
  readonly records: RecordReader;
}

/**
 * Fills `local` with what the store has of this host: Docker reports networks and endpoints to a driver once, when they
 * are created, and not again after a restart (moby: daemon/libnetwork/controller.go).
 *
 * Resolves to false when the store was away: what it was last known to have may lack the last seconds before a crash
 * (LocalCatchUp reads them).
 */
export async function loadLocalState(parts: LocalStateParts): Promise<boolean> {
  const { hostId, networks, bindings, local, records } = parts;
  await Promise.all([networks.ready, bindings.ready]);
  for (const { networkId, dockerNetworkId } of bindings.records) {
    const record = networks.get(keys.network(networkId))?.record;
    if (record) local.addNetwork({ dockerNetworkId, record });
  }
  const networkIds = [...new Set(bindings.records.map(({ networkId }) => networkId))];
  const lists = await Promise.all(networkIds.map((networkId) => listEndpoints(parts, networkId)));
  for (const [index, { entries }] of lists.entries()) {
    const prefix = keys.endpointsOf(networkIds[index] ?? '');
    for (const endpoint of records.read(endpointRecord, prefix, entries))
      if (endpoint.hostId === hostId) local.recallEndpoint(endpoint);
  }
  return networks.isCurrent && bindings.isCurrent && lists.every(({ recalled }) => !recalled);
}

/**
 * While the store is away, the list is empty for a network whose endpoints this host has never read: it has none there,
 * since it follows each network in which it has one.
 */
async function listEndpoints(
  { replica, bindings }: LocalStateParts,
  networkId: string,
): Promise<Pick<Snapshot, 'entries' | 'recalled'>> {
  try {
    return await replica.list(keys.endpointsOf(networkId));
  } catch (error: unknown) {
    if (bindings.isCurrent || !isXnetError(error, 'STORE_UNAVAILABLE')) throw error;
    return { entries: [], recalled: true };
  }
}
