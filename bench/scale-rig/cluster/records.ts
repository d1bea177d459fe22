/** The records of a cluster as xnet writes them, with their twins, by the model of this tree: one function for each kind of record. */
import { derivedMac } from '../../../src/driver/endpoints/mac-claims.js';
import { IpAddress } from '../../../src/inet/ip-address.js';
import type { Hold } from '../../../src/ipam/hold.js';
import { formatPoolId } from '../../../src/ipam/hold.js';
import { createPoolWrites, holdWrites } from '../../../src/ipam/pools/pool-entries.js';
import { type AddressRecord, bound, claimed, reserved, resting } from '../../../src/model/address.js';
import type { BindingRecord } from '../../../src/model/binding.js';
import { putBinding, putEndpoint, removeEndpoint } from '../../../src/model/by-host.js';
import type { EndpointNames, EndpointRecord } from '../../../src/model/endpoint.js';
import type { HostRecord } from '../../../src/model/host.js';
import { keys } from '../../../src/model/keys.js';
import type { NetworkRecord } from '../../../src/model/network.js';
import { formatRecord } from '../../../src/model/record.js';
import type { Write } from '../../../src/store/store.js';
import { hexId } from './ids.js';

export interface PlannedHost {
  readonly id: string;
  readonly name: string;
  readonly vtep: string;
}

export interface PlannedNetwork {
  readonly id: string;
  readonly name: string;
  readonly vni: number;
  readonly poolKey: string;
  readonly subnet: string;
  /** A host's hold on the pool, one for each host. */
  holdOf(host: PlannedHost): Hold;
  dockerIdOf(host: PlannedHost): string;
}

export interface PlannedEndpoint {
  readonly id: string;
  readonly host: PlannedHost;
  readonly network: PlannedNetwork;
  readonly address: string;
  readonly names: EndpointNames;
}

export function databaseOf(host: PlannedHost): string {
  return hexId(64, 'docker network database', host.id);
}

/** `xnetVersion`: any; a host that changes its record has another. */
export function hostWrites(host: PlannedHost, xnetVersion = '0.1.0'): Write[] {
  const record: HostRecord = {
    ...{ version: 1, ...host, vxlanPort: 4789, xnetVersion },
    ...{ gatewaySubnets: ['172.18.0.0/16'], dockerDatabase: databaseOf(host), twins: true },
  };
  return [
    { put: keys.host(host.id), value: formatRecord(record) },
    { put: keys.vtep(host.vtep), value: host.id },
  ];
}

/** Under the host's lease. */
export function aliveWrites({ id }: PlannedHost, leaseId: string): Write[] {
  return [{ put: keys.alive(id), value: leaseId }];
}

export function networkWrites({ id, name, vni, poolKey, subnet }: PlannedNetwork): Write[] {
  const record: NetworkRecord = {
    ...{ version: 1, id, name, vni, multicast: true, internal: false, pools: [{ poolKey, subnet }] },
    mirror: {
      ...{ name, internal: false, attachable: false, ipv6: false, labels: {}, options: {} },
      ipam: { driver: 'xnet', options: {}, subnets: [{ subnet }] },
    },
  };
  return [
    { put: keys.network(id), value: formatRecord(record) },
    { put: keys.vni(vni), value: id },
    { put: keys.name(name), value: id },
  ];
}

/** `host`: the one that created the network. */
export function poolWrites(network: PlannedNetwork, host: PlannedHost): Write[] {
  return createPoolWrites(network.holdOf(host));
}

export function bindingWrites(network: PlannedNetwork, host: PlannedHost): Write[] {
  const dockerNetworkId = network.dockerIdOf(host);
  const record: BindingRecord = {
    ...{ version: 1, networkId: network.id, hostId: host.id, dockerNetworkId },
    poolIds: [formatPoolId(network.holdOf(host))],
    seen: { name: network.name, database: databaseOf(host) },
  };
  return [...putBinding(record), { put: keys.bindingGuard(network.id), value: dockerNetworkId }];
}

export function poolHoldWrites(network: PlannedNetwork, host: PlannedHost): Write[] {
  return holdWrites(network.holdOf(host), holderOf(host), '');
}

/** Without names: as CreateEndpoint leaves it, until Docker's API has reported them. */
export function endpointWrites(endpoint: PlannedEndpoint, { named }: { readonly named: boolean }): Write[] {
  return putEndpoint({ ...endpointRecordOf(endpoint), ...(named && { names: endpoint.names }) });
}

export function endpointRemovals(endpoint: PlannedEndpoint): Write[] {
  return removeEndpoint(endpointRecordOf(endpoint));
}

export function macOf(endpoint: PlannedEndpoint): string {
  return endpointRecordOf(endpoint).mac;
}

function endpointRecordOf({ id, host, network, address }: PlannedEndpoint): EndpointRecord {
  const endpoint = { id, networkId: network.id, dockerNetworkId: network.dockerIdOf(host) };
  const record = { version: 1 as const, ...endpoint, hostId: host.id, addresses: [address] };
  return { ...record, mac: derivedMac(record) };
}

export function boundAddressWrites(endpoint: PlannedEndpoint): Write[] {
  return addressWrites(endpoint, boundAddress(endpoint));
}

export function restingAddressWrites(endpoint: PlannedEndpoint): Write[] {
  return addressWrites(endpoint, resting(boundAddress(endpoint)));
}

export function reservedAddressWrites(network: PlannedNetwork, host: PlannedHost, address: string): Write[] {
  const claim = hexId(16, 'claim', network.id, address);
  const record = reserved(holderOf(host), claim, [network.holdOf(host).id]);
  return [{ put: keys.address(network.poolKey, address), value: formatRecord(record) }];
}

function boundAddress({ id: endpointId, host, network, address }: PlannedEndpoint): AddressRecord {
  const claim = hexId(16, 'claim', network.id, address);
  const record = claimed(holderOf(host), claim, network.holdOf(host).id);
  const result = bound(record, holderOf(host), { endpointId, networkId: network.id });
  if (!result) throw new Error(`${address} of ${network.name} cannot be bound`);
  return result;
}

function addressWrites({ network, address }: PlannedEndpoint, record: AddressRecord): Write[] {
  return [{ put: keys.address(network.poolKey, `${IpAddress.parse(address)}`), value: formatRecord(record) }];
}

function holderOf({ id, name }: PlannedHost) {
  return { hostId: id, hostName: name };
}
