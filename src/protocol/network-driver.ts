/**
 * src/protocol: what Docker sends and gets, in Docker's own spelling. A request that a schema has accepted has valid ids and
 * bounded texts. Not in here: behaviour, defaults of xnet's, and types of xnet's own.
 *
 * The wire of a remote network driver, type for type after moby
 * daemon/libnetwork/drivers/remote/api/api.go; keys and spelling are Docker's.
 */
import { z } from 'zod';
import { dockerId, optionalText, optionMap } from './ids.js';

const ipamData = z.object({
  AddressSpace: optionalText,
  Pool: z.string().max(1024),
  Gateway: optionalText,
  AuxAddresses: z.record(z.string(), z.string()).nullish(),
});

const ipamDataList = z
  .array(ipamData)
  .nullish()
  .transform((list) => list ?? []);

export const gwAllocCheckRequest = z.object({ Options: optionMap });

/** Of AllocateNetwork too, which has string options: the `-o` map itself (moby: api.go AllocateNetworkRequest). */
export const createNetworkRequest = z.object({
  NetworkID: dockerId,
  Options: optionMap,
  IPv4Data: ipamDataList,
  IPv6Data: ipamDataList,
});

export const networkRequest = z.object({ NetworkID: dockerId });

export const createEndpointRequest = z.object({
  NetworkID: dockerId,
  EndpointID: dockerId,
  Interface: z
    .object({ Address: optionalText, AddressIPv6: optionalText, MacAddress: optionalText })
    .nullish(),
  Options: optionMap,
});

export const endpointRequest = z.object({ NetworkID: dockerId, EndpointID: dockerId });

export const joinRequest = z.object({
  NetworkID: dockerId,
  EndpointID: dockerId,
  SandboxKey: z.string().max(4096),
  Options: optionMap,
});

export const discoveryRequest = z.object({ DiscoveryType: z.number().int(), DiscoveryData: z.unknown() });
