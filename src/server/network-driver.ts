/** The methods of NetworkDriver: from Docker's JSON to the driver and back. */
import { isIPv4, isIPv6 } from 'node:net';
import type { JoinedEndpoint } from '../driver/collaborators.js';
import type { Endpoints } from '../driver/endpoints/endpoints.js';
import { isLan } from '../driver/networks/lan-plan.js';
import { type NetworkOptions, parseNetworkOptions } from '../driver/networks/network-options.js';
import type { Networks } from '../driver/networks/networks.js';
import type { SwarmNetworks } from '../driver/swarm-networks.js';
import { XnetError } from '../errors.js';
import * as wire from '../protocol/network-driver.js';
import { method, type RpcMethod } from './method.js';

/**
 * Local scope: a network is this Docker's own, and its ids differ from host to host; xnet ties them together.
 * Global scope: on a swarm node only managers create networks, for all nodes, under one id.
 */
export type Scope = 'local' | 'global';

export interface NetworkDriverParts {
  readonly networks: Networks;
  readonly swarmNetworks: SwarmNetworks;
  readonly endpoints: Endpoints;
}

/** Rejects with the reason when the host is not ready in time. */
export type Ready<T> = () => Promise<T>;

/** `-o` options within CreateNetwork's. */
const GENERIC = 'com.docker.network.generic';
const INTERNAL = 'com.docker.network.internal';

/** libnetwork appends the lowest free number: eth0, eth1 ... */
const INTERFACE_PREFIX = 'eth';

/**
 * Capabilities are answered at once, whatever else is down: Docker asks once, and drops the driver until
 * its own restart when it gets no answer (moby: pkg/plugins/plugins.go). `gatewayBridge` resolves when Docker has its
 * docker_gwbridge, or will not have it soon: from Docker 28 on its IPAM chooses a subnet after GwAllocCheck.
 */
export function networkDriverMethods(
  scope: Scope,
  ready: Ready<NetworkDriverParts>,
  gatewayBridge: () => Promise<void>,
): RpcMethod[] {
  const capabilities = { Scope: scope, ConnectivityScope: 'global', GwAllocChecker: true };
  // Docker before 28 does not check, and gives every network a gateway.
  let asksForGateways = false;
  return [
    { name: 'NetworkDriver.GetCapabilities', handle: () => capabilities },
    // Outbound traffic and published ports are docker_gwbridge's, but for a LAN, which has routers of its own.
    method('NetworkDriver.GwAllocCheck', wire.gwAllocCheckRequest, async ({ Options }) => {
      asksForGateways = true;
      await gatewayBridge();
      const isSkipped = Options[INTERNAL] === true || !(await isForLan(parseOptions(Options), ready));
      return { SkipIPv4: isSkipped, SkipIPv6: isSkipped };
    }),
    ...networkMethods(ready, () => asksForGateways),
    ...managerMethods(scope, ready),
    ...endpointMethods(ready),
    ...emptyMethods(),
  ];
}

function parseOptions(options: Readonly<Record<string, unknown>>): NetworkOptions {
  return parseNetworkOptions((options[GENERIC] ?? {}) as Record<string, unknown>);
}

/** Also of a network that is joined by its name or its id. Why one cannot be joined is CreateNetwork's to say. */
async function isForLan(options: NetworkOptions, ready: Ready<NetworkDriverParts>): Promise<boolean> {
  if (options.mode || (options.name ?? options.id) === undefined) return isLan(options.mode);
  try {
    const { networks } = await ready();
    return isLan((await networks.find(options))?.mode);
  } catch {
    return false;
  }
}

function networkMethods(ready: Ready<NetworkDriverParts>, asksForGateways: () => boolean): RpcMethod[] {
  return [
    method('NetworkDriver.CreateNetwork', wire.createNetworkRequest, async (request) => {
      const options = parseOptions(request.Options);
      const { networks } = await ready();
      await networks.create({
        dockerNetworkId: request.NetworkID,
        options,
        internal: request.Options[INTERNAL] === true,
        asksForGateways: asksForGateways(),
        subnets: [...request.IPv4Data, ...request.IPv6Data].map((data) => ({
          addressSpace: data.AddressSpace ?? '',
          subnet: data.Pool,
          gateway: data.Gateway,
          auxiliary: data.AuxAddresses ?? undefined,
        })),
      });
    }),
    method('NetworkDriver.DeleteNetwork', wire.networkRequest, async ({ NetworkID }) => {
      await (await ready()).networks.delete(NetworkID);
    }),
  ];
}

/** What swarm's managers ask. They free also what was allocated under another scope. */
function managerMethods(scope: Scope, ready: Ready<NetworkDriverParts>): RpcMethod[] {
  return [
    method('NetworkDriver.AllocateNetwork', wire.createNetworkRequest, async (request) => {
      if (scope !== 'global') throw notAManagers();
      const subnets = [...request.IPv4Data, ...request.IPv6Data].map(({ Pool }) => Pool);
      const allocation = { dockerNetworkId: request.NetworkID, options: request.Options, subnets };
      return { Options: await (await ready()).swarmNetworks.allocate(allocation) };
    }),
    method('NetworkDriver.FreeNetwork', wire.networkRequest, async ({ NetworkID }) => {
      await (await ready()).swarmNetworks.free(NetworkID);
    }),
  ];
}

/** Docker allocates networks of drivers with global scope alone: nobody would free this one. */
function notAManagers(): XnetError {
  return new XnetError(
    'INVALID',
    "AllocateNetwork is for networks that swarm's managers create for all nodes, and xnet runs with --scope local here; " +
      'set --scope global on every host, or create the network with docker network create on any host',
  );
}

function endpointMethods(ready: Ready<NetworkDriverParts>): RpcMethod[] {
  return [
    method('NetworkDriver.CreateEndpoint', wire.createEndpointRequest, async (request, { signal }) => {
      const given = request.Interface;
      const { endpoints } = await ready();
      const wanted = {
        dockerNetworkId: request.NetworkID,
        endpointId: request.EndpointID,
        addresses: [given?.Address, given?.AddressIPv6].filter((address) => address !== undefined),
        mac: given?.MacAddress,
      };
      const { mac } = await endpoints.create(wanted, signal);
      // Only what Docker did not give: repeating its own values is an error to it.
      return { Interface: given?.MacAddress || mac === undefined ? {} : { MacAddress: mac } };
    }),
    method('NetworkDriver.Join', wire.joinRequest, async (request) => {
      const { endpoints } = await ready();
      return joinResponse(await endpoints.join(request.NetworkID, request.EndpointID, request.SandboxKey));
    }),
    method('NetworkDriver.EndpointOperInfo', wire.endpointRequest, async ({ EndpointID }) => {
      await (await ready()).endpoints.complete(EndpointID);
      return { Value: {} };
    }),
    // The interface is still in the container; DeleteEndpoint comes when Docker has taken it out.
    method('NetworkDriver.Leave', wire.endpointRequest, async ({ EndpointID }) => {
      await (await ready()).endpoints.leave(EndpointID);
    }),
    method('NetworkDriver.DeleteEndpoint', wire.endpointRequest, async ({ EndpointID }) => {
      await (await ready()).endpoints.delete(EndpointID);
    }),
  ];
}

/** moby: drivers/remote/api/api.go JoinResponse, and types.go for RouteType: 0 by a next hop, 1 on the link. */
function joinResponse({ interfaceName, gateways = [], isApart, routes }: JoinedEndpoint) {
  const gateway = gateways.find(isIPv4);
  const gatewayIpv6 = gateways.find(isIPv6);
  const routed = routes?.map(({ destination, via }) => ({
    ...{ Destination: destination, RouteType: via === undefined ? 1 : 0 },
    ...(via !== undefined && { NextHop: via }),
  }));
  return {
    InterfaceName: { SrcName: interfaceName, DstPrefix: INTERFACE_PREFIX },
    ...(gateway !== undefined && { Gateway: gateway }),
    ...(gatewayIpv6 !== undefined && { GatewayIPv6: gatewayIpv6 }),
    ...(isApart && { DisableGatewayService: true }),
    ...(routed && { StaticRoutes: routed }),
  };
}

/** Methods at which a network without gateway and without gossip has nothing to do. */
function emptyMethods(): RpcMethod[] {
  const nothing = async () => undefined;
  return [
    method('NetworkDriver.ProgramExternalConnectivity', wire.endpointRequest, nothing),
    method('NetworkDriver.RevokeExternalConnectivity', wire.endpointRequest, nothing),
    method('NetworkDriver.DiscoverNew', wire.discoveryRequest, nothing),
    method('NetworkDriver.DiscoverDelete', wire.discoveryRequest, nothing),
  ];
}
