/**
 * The wire of a remote IPAM driver, type for type after moby
 * daemon/libnetwork/ipams/remote/api/api.go; keys and spelling are Docker's.
 */
import { z } from 'zod';
import { optionalText, stringMap } from './ids.js';

/** RequestAddress option with what the address is for (moby: ipamapi.RequestAddressType). */
export const REQUEST_ADDRESS_TYPE = 'RequestAddressType';
export const GATEWAY_ADDRESS_TYPE = 'com.docker.network.gateway';
/** Sent by swarm's managers, with whatever address they ask for (moby: ipamapi.AllocSerialPrefix). */
export const SERIAL = 'com.docker.network.ipam.serial';
/** Container name, sent by Docker 29 and later. */
export const ENDPOINT_NAME = 'com.docker.network.endpoint.name';

const poolId = z.string().min(1).max(1024);

export const requestPoolRequest = z.object({
  AddressSpace: z.string().max(255),
  Pool: optionalText,
  SubPool: optionalText,
  Options: stringMap,
  V6: z
    .boolean()
    .nullish()
    .transform((v6) => v6 ?? false),
});
export type RequestPoolRequest = z.infer<typeof requestPoolRequest>;

export const releasePoolRequest = z.object({ PoolID: poolId });

export const requestAddressRequest = z.object({ PoolID: poolId, Address: optionalText, Options: stringMap });
export type RequestAddressRequest = z.infer<typeof requestAddressRequest>;

export const releaseAddressRequest = z.object({ PoolID: poolId, Address: z.string().min(1).max(1024) });
