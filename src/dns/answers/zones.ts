/** The zones of the networks that this host follows, made from their endpoints' records when first asked for. */
import type { EndpointRecord } from '../../model/endpoint.js';
import { NetworkZone, type ZoneEndpoint } from './zone.js';

export interface ZoneSources {
  /** The endpoints of a network on all hosts; undefined while they are not known. */
  readonly endpointsOf: (networkId: string) => readonly EndpointRecord[] | undefined;
  /** The network's name in the cluster, where it has one. */
  readonly nameOf: (networkId: string) => string | undefined;
  /** Where swarm gives services virtual addresses; none in a network that it has no hand in. */
  readonly virtualSubnetsOf: (networkId: string) => readonly string[];
  /** false: the host is silent; its endpoints are answered where no others are. */
  readonly isAlive: (hostId: string) => boolean;
  /** false: `endpointsOf` is about to know better. */
  readonly isCurrent: (networkId: string) => boolean;
}

export class Zones {
  readonly #zones = new Map<string, NetworkZone>();
  #sources: ZoneSources;

  constructor(sources: ZoneSources) {
    this.#sources = sources;
  }

  /** From now on these are asked. */
  connect(sources: ZoneSources): void {
    this.#sources = sources;
    this.#zones.clear();
  }

  /** As it is now. Costs a map look-up, but for the first time after a change. */
  find(networkId: string): NetworkZone | undefined {
    const known = this.#zones.get(networkId);
    if (known) return known;
    const endpoints = this.#sources.endpointsOf(networkId);
    if (!endpoints) return undefined;
    const zone = buildZone(this.#sources, networkId, endpoints);
    this.#zones.set(networkId, zone);
    return zone;
  }

  /** false: more of its names will be known soon. */
  isCurrent(networkId: string): boolean {
    return this.#sources.isCurrent(networkId);
  }

  /** The records of the network have changed. */
  changed(networkId: string): void {
    this.#zones.delete(networkId);
  }

  /** Hosts have come, gone or fallen silent. */
  hostsChanged(): void {
    this.#zones.clear();
  }
}

function buildZone(
  { nameOf, virtualSubnetsOf, isAlive }: ZoneSources,
  networkId: string,
  endpoints: readonly EndpointRecord[],
): NetworkZone {
  const name = nameOf(networkId);
  // Where a Docker network has another name than the cluster's, its containers may use that as well.
  const dockerNames = endpoints.flatMap(({ names }) => names?.network ?? []);
  const networkNames = [...new Set([...(name === undefined ? [] : [name]), ...dockerNames])];
  const zoneEndpoints = endpoints.map((endpoint) => zoneEndpoint(endpoint, isAlive(endpoint.hostId)));
  return NetworkZone.build(networkNames, zoneEndpoints, virtualSubnetsOf(networkId));
}

function zoneEndpoint({ addresses, names }: EndpointRecord, alive: boolean): ZoneEndpoint {
  return {
    addresses,
    names: names?.names ?? [],
    containerName: names?.container,
    ports: names?.ports ?? [],
    alive,
  };
}
