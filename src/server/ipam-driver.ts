/** The methods of IpamDriver: from Docker's JSON to the IPAM and back. */
import type { Endpoints } from '../driver/endpoints/endpoints.js';
import {
  checkForeign,
  type IpamOptions,
  type NetworkReference,
  parseIpamOptions,
} from '../driver/networks/network-options.js';
import type { Networks } from '../driver/networks/networks.js';
import type { PoolRequests } from '../driver/pool-requests.js';
import { bits, type Family, IpAddress } from '../inet/ip-address.js';
import { Prefix } from '../inet/prefix.js';
import type { AddressRequest } from '../ipam/addresses/addresses.js';
import { parsePoolId } from '../ipam/hold.js';
import type { Ipam } from '../ipam/ipam.js';
import { ADDRESS_SPACES, parseAddressSpace, parsePoolKey } from '../model/pool.js';
import * as wire from '../protocol/ipam-driver.js';
import { type Call, method, type RpcMethod } from './method.js';
import type { Ready, Scope } from './network-driver.js';

export interface IpamDriverParts {
  readonly ipam: Ipam;
  readonly networks: Networks;
  readonly endpoints: Endpoints;
  readonly poolRequests: PoolRequests;
  readonly hosts: { gatewaySubnets(): readonly { readonly subnet: string }[] };
  readonly reached: () => Promise<readonly { readonly address: string }[]>;
}

/** No replay: what was given out stands in the store. No MAC needed: xnet derives it from the address. */
const CAPABILITIES = { RequiresMACAddress: false, RequiresRequestReplay: false };

const DEFAULT_SPACES = {
  LocalDefaultAddressSpace: ADDRESS_SPACES.local,
  GlobalDefaultAddressSpace: ADDRESS_SPACES.global,
};

export function ipamDriverMethods(scope: Scope, ready: Ready<IpamDriverParts>): RpcMethod[] {
  return [
    { name: 'IpamDriver.GetCapabilities', handle: () => CAPABILITIES },
    { name: 'IpamDriver.GetDefaultAddressSpaces', handle: () => DEFAULT_SPACES },
    method('IpamDriver.RequestPool', wire.requestPoolRequest, async (request, call) =>
      requestPool(scope, request, call, await ready()),
    ),
    method('IpamDriver.ReleasePool', wire.releasePoolRequest, async ({ PoolID }) => {
      const { ipam, poolRequests } = await ready();
      poolRequests.forget(holdOf(PoolID));
      await ipam.releasePool(PoolID);
    }),
    method('IpamDriver.RequestAddress', wire.requestAddressRequest, async (request, call) =>
      requestAddress(request, call, await ready()),
    ),
    method('IpamDriver.ReleaseAddress', wire.releaseAddressRequest, async ({ PoolID, Address }) => {
      const { ipam, endpoints } = await ready();
      const { boundTo } = await ipam.releaseAddress(PoolID, parseAddress(Address));
      if (boundTo !== undefined) await endpoints.deleteUnlessJoined(boundTo);
    }),
  ];
}

async function requestPool(
  scope: Scope,
  request: wire.RequestPoolRequest,
  call: Call,
  parts: IpamDriverParts,
): Promise<object> {
  const { ipam, networks, poolRequests } = parts;
  const network = parseIpamOptions(request.Options);
  await refuseForeign(network, request.Pool, parts);
  const family: Family = request.V6 ? 6 : 4;
  const named = await findNetworkPool(networks, network, family);
  const subnet = request.Pool === undefined ? named?.subnet : Prefix.parse(request.Pool);
  const networkName = named ? named.networkName : network.name;
  const space = parseAddressSpace(request.AddressSpace);
  const wanted = {
    space,
    family: subnet?.family ?? family,
    ...(subnet && { subnet }),
    ...(request.SubPool !== undefined && { range: Prefix.parse(request.SubPool) }),
    ...(networkName !== undefined && { networkName }),
    ...(named?.highestFirst && { highestFirst: true as const }),
    ...(scope === 'global' && space === ADDRESS_SPACES.local && { joinsGlobal: true as const }),
    avoid: subnet ? [] : await occupied(parts),
  };
  const granted = await ipam.requestPool(wanted, call);
  poolRequests.note({
    ...granted,
    ...((network.name ?? network.id) !== undefined && { network }),
    ...(!subnet && { isChosen: true as const }),
  });
  return { PoolID: granted.poolId, Pool: granted.subnet, Data: {} };
}

/**
 * Not what a network has that is there: a copy of it is made, or Docker has started again and asks anew for a subnet that
 * this host holds.
 */
async function refuseForeign(
  options: IpamOptions,
  subnet: string | undefined,
  { networks, ipam }: IpamDriverParts,
): Promise<void> {
  if (!options.foreign) return;
  const holds = await ipam.listHoldsExcept([]);
  if (holds.some((hold) => hold.subnet === subnet)) return;
  checkForeign(options, (await networks.find(options))?.mirror?.ipam.options, '--ipam-opt');
}

/** What a subnet of xnet's own choice keeps clear of. */
async function occupied({ hosts, reached, networks }: IpamDriverParts): Promise<Prefix[]> {
  const gateways = hosts.gatewaySubnets().map(({ subnet }) => Prefix.parse(subnet));
  const addresses = (await reached()).map(({ address }) => IpAddress.parse(address));
  // Docker gives the pool of a network back before it removes the network.
  const leaving = await networks.listSubnets();
  return [
    ...gateways,
    ...leaving,
    ...addresses.map((address) => Prefix.around(address, bits(address.family))),
  ];
}

/**
 * The pool that a network of the cluster has already, so that `--ipam-opt xnet.name=NAME` is all one needs to join.
 * A pool that has the network's id for its name is served by Docker's own IPAM where the network was created, from
 * the bottom; the others keep out of its way.
 */
async function findNetworkPool(networks: Networks, reference: NetworkReference, family: Family) {
  const network = await networks.find(reference);
  const pool = network?.pools
    .map(({ poolKey }) => parsePoolKey(poolKey))
    .find(({ subnet }) => subnet.family === family);
  return pool && { ...pool, highestFirst: pool.networkName === network?.id };
}

async function requestAddress(
  request: wire.RequestAddressRequest,
  call: Call,
  parts: IpamDriverParts,
): Promise<object> {
  const { PoolID: poolId, Options: options } = request;
  const address = request.Address === undefined ? undefined : parseAddress(request.Address);
  const container = options[wire.ENDPOINT_NAME];
  const wanted: AddressRequest = {
    purpose: purposeOf(request, parts.poolRequests),
    isRepeatable: wire.SERIAL in options,
    ...(address && { address }),
    ...(container !== undefined && { container }),
  };
  const claimed = await parts.ipam.requestAddress(poolId, wanted, call);
  return { Address: `${claimed.address}/${claimed.subnet.length}`, Data: {} };
}

/**
 * Docker marks gateways and, from 29 on, names containers; before, its requests for an auxiliary
 * address (--aux-address) and for a container's (--ip) are alike. But it asks for the former only while it creates the
 * network; swarm's managers never do.
 */
function purposeOf(request: wire.RequestAddressRequest, poolRequests: PoolRequests) {
  if (request.Options[wire.REQUEST_ADDRESS_TYPE] === wire.GATEWAY_ADDRESS_TYPE) return 'gateway';
  const named = wire.ENDPOINT_NAME in request.Options || wire.SERIAL in request.Options;
  if (named || request.Address === undefined) return 'endpoint';
  return poolRequests.isCreating(holdOf(request.PoolID)) ? 'auxiliary' : 'endpoint';
}

/** Throws INVALID for what is no PoolID of xnet's. */
const holdOf = (poolId: string) => parsePoolId(poolId).id;

/** Docker gives addresses with and without a prefix length. */
function parseAddress(text: string): IpAddress {
  return IpAddress.parse(text.replace(/\/\d+$/, ''));
}
