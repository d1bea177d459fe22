/** The methods of NetworkDriver: from Docker's JSON to the driver and back. */
import type { Endpoints } from '../driver/endpoints/endpoints.js';
import { parseNetworkOptions } from '../driver/networks/network-options.js';
import type { Networks } from '../driver/networks/networks.js';
import type { SwarmNetworks } from '../driver/swarm-networks.js';
import { XnetError } from '../errors.js';
import * as wire from '../protocol/network-driver.js';
import type { RpcMethod } from './rpc.js';

/**
 * Local scope: a network is this Docker's own, and its ids differ from host to host; xnet ties them together.
 * Global scope: on a swarm node only managers create networks, for all nodes, under one id.
 */
export type Scope = wire.NetworkDriverCapabilities['Scope'];

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
  ready: Ready<{ networks: Networks; swarmNetworks: SwarmNetworks; endpoints: Endpoints }>,
  gatewayBridge: () => Promise<void>,
): RpcMethod[] {
  const capabilities = { Scope: scope, ConnectivityScope: 'global', GwAllocChecker: true } as const;
  return [
    {
      name: 'NetworkDriver.GetCapabilities',
      handle: (): wire.NetworkDriverCapabilities => capabilities,
    },
    {
      // docker_gwbridge does outbound traffic and published ports, so a network needs no gateway of its own.
      name: 'NetworkDriver.GwAllocCheck',
      request: wire.gwAllocCheckRequest,
      handle: async () => {
        await gatewayBridge();
        return { SkipIPv4: true, SkipIPv6: true };
      },
    },
    ...networkMethods(ready),
    ...managerMethods(scope, ready),
    ...endpointMethods(ready),
    ...silentMethods(),
  ];
}

function networkMethods(ready: Ready<{ networks: Networks }>): RpcMethod[] {
  return [
    {
      name: 'NetworkDriver.CreateNetwork',
      request: wire.createNetworkRequest,
      handle: async (request: wire.CreateNetworkRequest) => {
        const options = parseNetworkOptions((request.Options[GENERIC] ?? {}) as Record<string, unknown>);
        const { networks } = await ready();
        await networks.create({
          dockerNetworkId: request.NetworkID,
          options,
          internal: request.Options[INTERNAL] === true,
          subnets: [...request.IPv4Data, ...request.IPv6Data].map((data) => ({
            addressSpace: data.AddressSpace ?? '',
            subnet: data.Pool,
            gateway: data.Gateway,
            auxiliary: data.AuxAddresses ?? undefined,
          })),
        });
        return {};
      },
    },
    {
      name: 'NetworkDriver.DeleteNetwork',
      request: wire.networkRequest,
      handle: async (request: { NetworkID: string }) => {
        await (await ready()).networks.delete(request.NetworkID);
        return {};
      },
    },
  ];
}

/** What swarm's managers ask. They free also what was allocated under another scope. */
function managerMethods(scope: Scope, ready: Ready<{ swarmNetworks: SwarmNetworks }>): RpcMethod[] {
  return [
    {
      name: 'NetworkDriver.AllocateNetwork',
      request: wire.allocateNetworkRequest,
      handle: async ({ NetworkID, Options, IPv4Data, IPv6Data }: wire.CreateNetworkRequest) => {
        if (scope !== 'global') throw notAManagers();
        const subnets = [...IPv4Data, ...IPv6Data].map(({ Pool }) => Pool);
        const allocation = { dockerNetworkId: NetworkID, options: Options, subnets };
        return { Options: await (await ready()).swarmNetworks.allocate(allocation) };
      },
    },
    {
      name: 'NetworkDriver.FreeNetwork',
      request: wire.networkRequest,
      handle: async (request: { NetworkID: string }) => {
        await (await ready()).swarmNetworks.free(request.NetworkID);
        return {};
      },
    },
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

function endpointMethods(ready: Ready<{ endpoints: Endpoints }>): RpcMethod[] {
  return [
    {
      name: 'NetworkDriver.CreateEndpoint',
      request: wire.createEndpointRequest,
      handle: async (request: wire.CreateEndpointRequest, signal) => {
        const given = request.Interface;
        const { endpoints } = await ready();
        const { mac } = await endpoints.create(
          {
            dockerNetworkId: request.NetworkID,
            endpointId: request.EndpointID,
            addresses: [given?.Address, given?.AddressIPv6].filter((address) => address !== undefined),
            mac: given?.MacAddress,
          },
          signal,
        );
        // Only what Docker did not give: repeating its own values is an error to it.
        return { Interface: given?.MacAddress ? {} : { MacAddress: mac } };
      },
    },
    {
      name: 'NetworkDriver.Join',
      request: wire.joinRequest,
      handle: async (request: wire.JoinRequest): Promise<wire.JoinResponse> => {
        const { endpoints } = await ready();
        const { interfaceName } = await endpoints.join(
          request.NetworkID,
          request.EndpointID,
          request.SandboxKey,
        );
        return { InterfaceName: { SrcName: interfaceName, DstPrefix: INTERFACE_PREFIX } };
      },
    },
    {
      name: 'NetworkDriver.EndpointOperInfo',
      request: wire.endpointRequest,
      handle: async (request: { EndpointID: string }) => {
        await (await ready()).endpoints.complete(request.EndpointID);
        return { Value: {} };
      },
    },
    {
      // The interface is still in the container; DeleteEndpoint comes when Docker has taken it out.
      name: 'NetworkDriver.Leave',
      request: wire.endpointRequest,
      handle: async (request: { EndpointID: string }) => {
        await (await ready()).endpoints.leave(request.EndpointID);
        return {};
      },
    },
    {
      name: 'NetworkDriver.DeleteEndpoint',
      request: wire.endpointRequest,
      handle: async (request: { EndpointID: string }) => {
        await (await ready()).endpoints.delete(request.EndpointID);
        return {};
      },
    },
  ];
}

/** Methods at which a network without gateway and without gossip has nothing to do. */
function silentMethods(): RpcMethod[] {
  const nothing = () => ({});
  return [
    {
      name: 'NetworkDriver.ProgramExternalConnectivity',
      request: wire.externalConnectivityRequest,
      handle: nothing,
    },
    { name: 'NetworkDriver.RevokeExternalConnectivity', request: wire.endpointRequest, handle: nothing },
    { name: 'NetworkDriver.DiscoverNew', request: wire.discoveryRequest, handle: nothing },
    { name: 'NetworkDriver.DiscoverDelete', request: wire.discoveryRequest, handle: nothing },
  ];
}
