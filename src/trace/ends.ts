/** Who is meant by the words of a user: a container, a host, an address, `outside`. Pure. */
import { isIP } from 'node:net';
import { XnetError } from '../errors.js';
import { IpAddress } from '../inet/ip-address.js';
import { quoted } from '../inet/quoted.js';
import type { EndpointRecord } from '../model/endpoint.js';
import type { HostRecord } from '../model/host.js';

export const OUTSIDE = 'outside';
/** An id may be given by its beginning, if that has as many digits. */
const SHORTEST_ID = 4;

export interface FoundContainer {
  readonly id: string;
  readonly name: string;
  readonly hostId: string;
}

/** One end of a trace as it was asked for. */
export type End =
  | {
      readonly kind: 'container';
      readonly container: FoundContainer;
      readonly endpoints: readonly EndpointRecord[];
      readonly address?: string;
      readonly isName: boolean;
    }
  | { readonly kind: 'host'; readonly host: HostRecord }
  | { readonly kind: 'outside'; readonly address?: string };

export interface Known {
  readonly endpoints: readonly EndpointRecord[];
  readonly hosts: readonly HostRecord[];
}

/** undefined: nothing in the cluster is called so. Throws INVALID when several things are, and for an address with a zone. */
export function findEnd(wanted: string, known: Known): End | undefined {
  if (wanted === OUTSIDE) return { kind: 'outside' };
  // Records have addresses in their one canonical form.
  if (isIP(wanted) !== 0) return endOfAddress(`${IpAddress.parse(wanted)}`, known);
  const named = known.endpoints.filter(
    ({ names }) => names && isCalled(wanted, names.container, names.containerId),
  );
  const containers = new Map(named.map((endpoint) => [endpoint.names?.containerId ?? '', endpoint]));
  const hosts = known.hosts.filter(({ id, name }) => isCalled(wanted, name, id));
  if (containers.size + hosts.length > 1) {
    const ids = [...containers.keys(), ...hosts.map(({ id }) => id)].join(', ');
    throw new XnetError(
      'INVALID',
      `several containers or hosts are called ${quoted(wanted)}; give the id of one, or an address: ${ids}`,
    );
  }
  const [host] = hosts;
  if (host) return { kind: 'host', host };
  const [endpoint] = containers.values();
  return endpoint && containerEnd(endpoint, known, { isName: endpoint.names?.container === wanted });
}

/** `found`: in a Docker, by a host that was asked. One that shares its host's network counts as the host. Throws INVALID when several are meant, and NOT_FOUND. */
export function endInDocker(
  wanted: string,
  found: readonly (FoundContainer & { readonly isOfHost: boolean })[],
  hosts: readonly HostRecord[],
  refusals: readonly string[],
): End {
  const [container, ...others] = found;
  if (others.length > 0) {
    const ids = found.map(({ id }) => id).join(', ');
    throw new XnetError(
      'INVALID',
      `${found.length} containers are called ${quoted(wanted)}; give the id of one: ${ids}`,
    );
  }
  const host = hosts.find(({ id }) => id === container?.hostId);
  if (container?.isOfHost && host) return { kind: 'host', host };
  if (container) return { kind: 'container', container, endpoints: [], isName: false };
  const unasked = refusals.length > 0 ? ` (not asked: ${refusals.join('; ')})` : '';
  throw new XnetError(
    'NOT_FOUND',
    `no container and no host is called ${quoted(wanted)}${unasked}; \`xnet endpoints\` and \`xnet hosts\` list them`,
  );
}

function endOfAddress(address: string, known: Known): End {
  const having = known.endpoints.filter(({ addresses }) => addresses.includes(address));
  if (having.length > 1) {
    const ids = having.map(({ names, id }) => names?.containerId ?? id).join(', ');
    throw new XnetError(
      'INVALID',
      `${having.length} containers have the address ${address}; give the id of one: ${ids}`,
    );
  }
  const [endpoint] = having;
  if (endpoint) return containerEnd(endpoint, known, { address, isName: false });
  const host = known.hosts.find(({ vtep }) => vtep === address);
  return host ? { kind: 'host', host } : { kind: 'outside', address };
}

function containerEnd(
  { names, hostId }: EndpointRecord,
  { endpoints }: Known,
  given: { readonly address?: string; readonly isName: boolean },
): End {
  if (!names)
    throw new XnetError(
      'NOT_FOUND',
      `the container with ${given.address} is just being started; ask again in a second`,
    );
  const { containerId: id, container: name } = names;
  const own = endpoints.filter((each) => each.names?.containerId === id);
  return { kind: 'container', container: { id, name, hostId }, endpoints: own, ...given };
}

/** By name, id, or the beginning of an id. */
export function isCalled(wanted: string, name: string, id: string): boolean {
  return name === wanted || (wanted.length >= SHORTEST_ID && id.startsWith(wanted));
}
