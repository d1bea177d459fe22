/** A container's place in a network. */
import { z } from 'zod';
import { keyPart, version, versioned } from './record.js';

export const endpointKeys = {
  endpoint: (networkId: string, endpointId: string) =>
    `endpoints/${keyPart(networkId)}/${keyPart(endpointId)}`,
  endpointsOf: (networkId: string) => `endpoints/${keyPart(networkId)}/`,
  endpoints: () => 'endpoints/',
} as const;

/** How the containers of a network may call an endpoint. */
export const endpointNames = z.object({
  container: z.string(),
  containerId: z.string(),
  /** Name of the Docker network on the endpoint's host, for NAME.NETWORK. */
  network: z.string(),
  /** Without doubles, the container's name first: also aliases, short id, host name, service. */
  names: z.array(z.string()),
  /** Exposed ports, for SRV. */
  ports: z.array(z.object({ port: z.number().int(), protocol: z.string() })),
});
export type EndpointNames = z.infer<typeof endpointNames>;

export const endpointRecord = versioned({
  version,
  id: z.string(),
  networkId: z.string(),
  dockerNetworkId: z.string(),
  hostId: z.string(),
  /** Plain addresses, without prefix length. */
  addresses: z.array(z.string()),
  mac: z.string(),
  /** Absent until Docker's API has reported them. */
  names: endpointNames.optional(),
});
export type EndpointRecord = z.infer<typeof endpointRecord>;
