/**
 * A container's place in a network: its record, and what may become of it on its host.
 *
 * Docker creates an endpoint, joins it to a sandbox, leaves (takes it out of the sandbox), and deletes it. It may leave one
 * out, or do it twice. An endpoint that is unknown to its host is not created, or is deleted.
 */
import { z } from 'zod';
import { id, ipAddress, macAddress } from './fields.js';
import { labels } from './policy/labels.js';
import { hasParts, keyPart, placed, version, versioned } from './record.js';

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

export const endpointRecord = placed(
  versioned({
    version,
    id,
    networkId: id,
    dockerNetworkId: id,
    hostId: id,
    addresses: z.array(ipAddress),
    mac: macAddress,
    /** Absent until Docker's API has reported them. */
    names: endpointNames.optional(),
    /**
     * Of its container (`publishedLabels`), with the names. Absent: an older xnet has published the names, or there are too many.
     */
    labels: labels.optional(),
  }),
  (key, record) => hasParts(key, record.networkId, record.id),
);
export type EndpointRecord = z.infer<typeof endpointRecord>;

/** Created: for a sandbox to come. Left: taken out of its sandbox. */
export type EndpointState = 'created' | 'joined' | 'left';

/** An endpoint as its host has it: in memory alone. */
export interface HostEndpoint {
  readonly record: EndpointRecord;
  readonly state: EndpointState;
  /** The sandbox that it is in, or is being joined to; of a joined one from before the daemon's start it is not known. */
  readonly sandboxPath?: string;
}

/** Unknown -> created. */
export function created(record: EndpointRecord): HostEndpoint {
  return { record, state: 'created' };
}

/** Unknown -> joined: an earlier daemon of the host created it. It may never have been joined. */
export function recalled(record: EndpointRecord): HostEndpoint {
  return { record, state: 'joined' };
}

/** Being joined to the sandbox: it counts as in there, also when the join fails. Its state changes with `joined`. */
export function joining(endpoint: HostEndpoint, sandboxPath: string): HostEndpoint {
  return { ...endpoint, sandboxPath };
}

/** Any -> joined, to the sandbox that it is still in: Docker may have taken it out meanwhile. */
export function joined(endpoint: HostEndpoint): HostEndpoint {
  return { ...endpoint, state: 'joined' };
}

/** Any -> left, also one that was never joined. */
export function left({ record }: HostEndpoint): HostEndpoint {
  return { record, state: 'left' };
}

/** Being deleted: in no sandbox any more. Its state stays as it was until the store has accepted the deletion, since Docker does not ask a
 * second time. */
export function deleting({ record, state }: HostEndpoint): HostEndpoint {
  return { record, state };
}
