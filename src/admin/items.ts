/** Records as items of answers. Pure. */
import { type AddressRecord, parseAddressKey, stateOf } from '../model/address.js';
import type { EndpointRecord } from '../model/endpoint.js';
import type { NetworkRecord } from '../model/network.js';
import { parsePoolKey } from '../model/pool.js';
import type { AddressItem, EndpointItem, NameItem, NetworkItem } from './answers.js';
import type { Cluster } from './cluster.js';
import { modeAnswer } from './mode-answer.js';

export function networkItem(
  cluster: Cluster,
  network: NetworkRecord,
  endpoints: readonly EndpointRecord[],
): NetworkItem {
  const { id, mtu, internal, multicast } = network;
  const name = cluster.nameOf(id);
  return {
    ...{ id, internal, multicast, ...modeAnswer(network) },
    ...(name !== undefined && { name }),
    ...(mtu !== undefined && { mtu }),
    subnets: network.pools.map(({ subnet }) => subnet),
    mirrored: network.mirror !== undefined,
    swarm: network.swarm !== undefined,
    endpoints: endpoints.length,
    hosts: new Set(endpoints.map(({ hostId }) => hostId)).size,
  };
}

export function endpointItem(cluster: Cluster, endpoint: EndpointRecord): EndpointItem {
  const { id, networkId, hostId, addresses, mac, names } = endpoint;
  const name = cluster.nameOf(networkId);
  return {
    ...{ id, addresses, mac, names: names?.names ?? [] },
    network: { id: networkId, ...(name !== undefined && { name }) },
    host: cluster.hostOf(hostId),
    ...(names && { container: { id: names.containerId, name: names.container } }),
  };
}

/** One item for each name of each endpoint. */
export function nameItems(endpoints: readonly EndpointItem[]): NameItem[] {
  return endpoints.flatMap(({ names, network, host, addresses, container }) =>
    container ? names.map((name) => ({ name, network, host, addresses, container: container.name })) : [],
  );
}

/** undefined: it is no key of an address. `containerOf`: the name of an endpoint's container. */
export function addressItem(
  key: string,
  record: AddressRecord,
  containerOf: (endpointId: string) => string | undefined,
): AddressItem | undefined {
  const parsed = parseAddressKey(key);
  if (!parsed) return undefined;
  const state = stateOf(record);
  const { purpose, hostName, endpointId, device } = record;
  const container = record.container ?? (endpointId === undefined ? undefined : containerOf(endpointId));
  return {
    address: parsed.address,
    subnet: `${parsePoolKey(parsed.poolKey).subnet}`,
    state: state !== 'shared' ? state : purpose === 'gateway' ? 'gateway' : 'auxiliary',
    ...(state !== 'shared' && { host: hostName }),
    ...(container !== undefined && { container }),
    ...(endpointId !== undefined && { endpointId }),
    ...(state === 'foreign' && device && { device }),
  };
}
