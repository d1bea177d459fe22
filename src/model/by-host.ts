/**
 * Twins: the bindings, holds and endpoints of a host lie under its own id, too. So a host watches and lists what it has
 * itself, however many hosts the cluster has.
 *
 * The record itself lies under its network or pool, where the other hosts look for it. Its twin has the same value. Every
 * commit that writes or removes the one does so with the other: by the functions below.
 */
import { CLUSTER } from './address.js';
import { type BindingRecord, type BindingReference, bindingKeys } from './binding.js';
import { type EndpointRecord, endpointKeys, endpointRecord } from './endpoint.js';
import { type PoolReferenceRecord, poolKeys } from './pool.js';
import { findRecord, formatRecord, keyPart, parsePart } from './record.js';

export const byHostKeys = {
  byHost: () => 'by-host/',
  /** All twins of a host. */
  ofHost: (hostId: string) => `by-host/${keyPart(hostId)}/`,
  bindingsOfHost: (hostId: string) => `by-host/${keyPart(hostId)}/bindings/`,
  bindingTwin: ({ networkId, hostId, dockerNetworkId }: BindingReference) =>
    `${byHostKeys.bindingsOfHost(hostId)}${keyPart(networkId)}/${keyPart(dockerNetworkId)}`,
  holdsOfHost: (hostId: string) => `by-host/${keyPart(hostId)}/holds/`,
  holdTwin: (poolKey: string, hostId: string, reference: string) =>
    `${byHostKeys.holdsOfHost(hostId)}${keyPart(poolKey)}/${keyPart(reference)}`,
  endpointsOfHost: (hostId: string) => `by-host/${keyPart(hostId)}/endpoints/`,
  /** Of one network. */
  hostEndpointsOf: (hostId: string, networkId: string) =>
    `${byHostKeys.endpointsOfHost(hostId)}${keyPart(networkId)}/`,
  endpointTwin: ({ id, networkId, hostId }: EndpointReference) =>
    `${byHostKeys.hostEndpointsOf(hostId, networkId)}${keyPart(id)}`,
} as const;

type EndpointReference = Pick<EndpointRecord, 'id' | 'networkId' | 'hostId'>;
type HoldReference = Pick<PoolReferenceRecord, 'poolKey' | 'hostId' | 'reference'>;

interface Put {
  readonly put: string;
  readonly value: string;
}
interface Remove {
  readonly remove: string;
}

export function putBinding(record: BindingRecord): Put[] {
  return put(keysOfBinding(record), record);
}

export function removeBinding(binding: BindingReference): Remove[] {
  return keysOfBinding(binding).map((key) => ({ remove: key }));
}

export function putEndpoint(record: EndpointRecord): Put[] {
  return put(keysOfEndpoint(record), record);
}

export function removeEndpoint(endpoint: EndpointReference): Remove[] {
  return keysOfEndpoint(endpoint).map((key) => ({ remove: key }));
}

/** The cluster's hold has no twin. */
export function putHold(record: PoolReferenceRecord): Put[] {
  return put(keysOfHold(record), record);
}

export function removeHold(hold: HoldReference): Remove[] {
  return keysOfHold(hold).map((key) => ({ remove: key }));
}

/** The key of the twin of a record. undefined: it has none, or cannot be read. */
export function twinKeyOf({ key, value }: { key: string; value: string }): string | undefined {
  const [kind, first, second, third] = key.split('/');
  if (`${kind}/` === endpointKeys.endpoints()) {
    const hostId = findRecord(endpointRecord, { key, value })?.hostId;
    return hostId && `${byHostKeys.endpointsOfHost(hostId)}${first}/${second}`;
  }
  if (second === undefined || second === CLUSTER.hostId) return undefined;
  const hostId = parsePart(second);
  if (hostId === undefined) return undefined;
  if (`${kind}/` === bindingKeys.bindings()) return `${byHostKeys.bindingsOfHost(hostId)}${first}/${third}`;
  return `${kind}/` === poolKeys.poolReferences()
    ? `${byHostKeys.holdsOfHost(hostId)}${first}/${third}`
    : undefined;
}

/** The key of the record that has its twin under `key`; undefined for any other key. */
export function recordKeyOf(key: string): string | undefined {
  const match = /^by-host\/([^/]+)\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(key);
  if (!match) return undefined;
  const [, host, kind, first, second] = match;
  if (kind === 'endpoints') return `${endpointKeys.endpoints()}${first}/${second}`;
  if (kind === 'bindings') return `${bindingKeys.bindings()}${first}/${host}/${second}`;
  return kind === 'holds' ? `${poolKeys.poolReferences()}${first}/${host}/${second}` : undefined;
}

function keysOfBinding(binding: BindingReference): string[] {
  const { networkId, hostId, dockerNetworkId } = binding;
  return [bindingKeys.binding(networkId, hostId, dockerNetworkId), byHostKeys.bindingTwin(binding)];
}

function keysOfEndpoint(endpoint: EndpointReference): string[] {
  return [endpointKeys.endpoint(endpoint.networkId, endpoint.id), byHostKeys.endpointTwin(endpoint)];
}

function keysOfHold({ poolKey, hostId, reference }: HoldReference): string[] {
  const key = poolKeys.poolReference(poolKey, hostId, reference);
  return hostId === CLUSTER.hostId ? [key] : [key, byHostKeys.holdTwin(poolKey, hostId, reference)];
}

function put(keys: readonly string[], record: { version: number }): Put[] {
  const value = formatRecord(record);
  return keys.map((key) => ({ put: key, value }));
}
