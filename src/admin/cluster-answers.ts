/**
 * The answers that are read from the store, of the whole cluster. All functions throw the store's errors, and NOT_FOUND or
 * INVALID where a name or id means nothing, or several things.
 */
import { XnetError } from '../errors.js';
import { IpAddress } from '../inet/ip-address.js';
import { quoted } from '../inet/quoted.js';
import { describePools } from '../ipam/pools/describe-pools.js';
import { addressRecord } from '../model/address.js';
import { type EndpointRecord, endpointRecord } from '../model/endpoint.js';
import { keys } from '../model/keys.js';
import { findRecord } from '../model/record.js';
import type { EndpointItem } from './answers.js';
import { Cluster, isBegun, type Read, type Reader, readAll, readBindings } from './cluster.js';
import { addressItem, endpointItem, nameItems, networkItem } from './items.js';
import type { Answer, Parameters } from './operations.js';

export async function answerNetworks(store: Reader): Promise<Answer<'networks'>> {
  const [cluster, endpoints] = await Promise.all([
    Cluster.read(store),
    readAll(store, keys.endpoints(), endpointRecord),
  ]);
  const members = byNetwork(endpoints.records);
  const items = cluster.networks.map((network) =>
    networkItem(cluster, network, members.get(network.id) ?? []),
  );
  return { asOf: asOf(cluster, endpoints), items: sorted(items, ({ name, id }) => [name ?? id]) };
}

export async function answerNetwork(
  store: Reader,
  wanted: Parameters<'network'>,
): Promise<Answer<'network'>> {
  const cluster = await Cluster.read(store);
  const network = cluster.getNetwork(wanted.network);
  const [bindings, endpoints] = await Promise.all([
    readBindings(store, network.id),
    readAll(store, keys.endpointsOf(network.id), endpointRecord),
  ]);
  return {
    asOf: asOf(cluster, bindings, endpoints),
    ...networkItem(cluster, network, endpoints.records),
    options: network.mirror?.options ?? {},
    labels: network.mirror?.labels ?? {},
    dockerNetworks: bindings.records.map(({ hostId, dockerNetworkId: id, seen }) => ({
      ...{ host: cluster.hostOf(hostId), id },
      ...(seen && { name: seen.name }),
    })),
    members: endpointItems(cluster, endpoints.records),
  };
}

export async function answerEndpoints(
  store: Reader,
  wanted: Parameters<'endpoints'>,
): Promise<Answer<'endpoints'>> {
  const cluster = await Cluster.read(store);
  const network = wanted.network === undefined ? undefined : cluster.getNetwork(wanted.network);
  const hostIds = wanted.host === undefined ? undefined : cluster.hostsCalled(wanted.host);
  const prefix = network ? keys.endpointsOf(network.id) : keys.endpoints();
  const endpoints = await readAll(store, prefix, endpointRecord);
  const found = endpoints.records.filter(({ hostId }) => hostIds?.includes(hostId) ?? true);
  return { asOf: asOf(cluster, endpoints), items: endpointItems(cluster, found) };
}

export async function answerAddresses(
  store: Reader,
  wanted: Parameters<'addresses'>,
): Promise<Answer<'addresses'>> {
  const cluster = await Cluster.read(store);
  const network = cluster.getNetwork(wanted.network);
  const endpoints = await readAll(store, keys.endpointsOf(network.id), endpointRecord);
  const containers = new Map(endpoints.records.map(({ id, names }) => [id, names?.container]));
  const prefixes = network.pools.map(({ poolKey }) => keys.addressesOf(poolKey));
  const lists = await Promise.all(prefixes.map((prefix) => store.list(prefix, { once: true })));
  const items = lists.flatMap(({ entries }) =>
    entries.flatMap((entry) => {
      const record = findRecord(addressRecord, entry);
      return (record && addressItem(entry.key, record, (id) => containers.get(id))) ?? [];
    }),
  );
  const isCurrent = lists.every(({ recalled }) => !recalled);
  return { asOf: asOf(cluster, endpoints, { isCurrent }), items: items.sort(byAddress) };
}

export async function answerNames(store: Reader, wanted: Parameters<'names'>): Promise<Answer<'names'>> {
  const cluster = await Cluster.read(store);
  const network = cluster.findNetwork(wanted.of);
  const endpoints = await readAll(store, keys.endpoints(), endpointRecord);
  const items = endpointItems(cluster, endpoints.records);
  const ofContainer = items.filter(({ container }) => container && isCalled(container, wanted.of));
  requireOne(wanted.of, network?.id, ofContainer);
  const meant = network ? items.filter((item) => item.network.id === network.id) : ofContainer;
  const found = sorted(nameItems(meant), ({ name, container }) => [name, container]);
  return { asOf: asOf(cluster, endpoints), items: found };
}

/** Lists are read one after the other: exact only while nothing changes. */
export async function answerPools(store: Reader): Promise<Answer<'pools'>> {
  const { recalled } = await store.list(keys.pools());
  const pools = await describePools(store);
  const items = pools.map(({ subnet, space, networkName, references, addresses }) => ({
    ...{ subnet, space, addresses },
    ...(networkName !== undefined && { network: networkName }),
    hosts: [...new Set(references.map(({ hostName }) => hostName))].sort(),
  }));
  return { asOf: recalled ? 'last known' : 'store', items };
}

function isCalled({ id, name }: NonNullable<EndpointItem['container']>, wanted: string): boolean {
  return name === wanted || isBegun(id, wanted);
}

function requireOne(
  wanted: string,
  networkId: string | undefined,
  ofContainer: readonly EndpointItem[],
): void {
  const ids = [...new Set(ofContainer.map(({ container }) => container?.id))];
  if (networkId === undefined && ids.length === 0)
    throw new XnetError(
      'NOT_FOUND',
      `the cluster has no network and no container with the name or id ${quoted(wanted)}; \`xnet networks\` and \`xnet endpoints\` list them`,
    );
  if (networkId !== undefined && ids.length > 0)
    throw new XnetError(
      'INVALID',
      `a network and a container are called ${quoted(wanted)}; give the id of one: ${[networkId, ...ids].join(', ')}`,
    );
}

function asOf(...reads: readonly Pick<Read<unknown>, 'isCurrent'>[]): 'store' | 'last known' {
  return reads.every(({ isCurrent }) => isCurrent) ? 'store' : 'last known';
}

function byNetwork(endpoints: readonly EndpointRecord[]): ReadonlyMap<string, readonly EndpointRecord[]> {
  const found = new Map<string, EndpointRecord[]>();
  for (const endpoint of endpoints) {
    const others = found.get(endpoint.networkId);
    if (others) others.push(endpoint);
    else found.set(endpoint.networkId, [endpoint]);
  }
  return found;
}

/** By network, host and container. */
function endpointItems(cluster: Cluster, endpoints: readonly EndpointRecord[]): EndpointItem[] {
  const items = endpoints.map((endpoint) => endpointItem(cluster, endpoint));
  return sorted(items, ({ network, host, container, id }) => [
    network.name ?? network.id,
    host.name ?? host.id,
    container?.name ?? id,
  ]);
}

function sorted<T>(items: readonly T[], partsOf: (item: T) => readonly string[]): T[] {
  const keyed = items.map((item) => ({ item, key: partsOf(item).join('\0') }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ item }) => item);
}

/** Of one network: IPv4 first. */
function byAddress(a: { readonly address: string }, b: { readonly address: string }): number {
  const [first, second] = [IpAddress.parse(a.address), IpAddress.parse(b.address)];
  if (first.family !== second.family) return first.family - second.family;
  return first.value < second.value ? -1 : 1;
}
