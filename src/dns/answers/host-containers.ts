/**
 * This host's containers as its Docker knows them: which one is in which sandbox, what it alone calls others (links), and
 * the names in Docker's networks of this host alone. From these and the zones of xnet's networks comes what a
 * container's queries are answered from.
 */
import { EventEmitter, once } from 'node:events';
import type { DockerContainer, InspectedContainer, InspectedEndpoint } from '../../docker/engine.js';
import type { ZoneOf } from '../collaborators.js';
import type { ZoneEndpoint } from './named-endpoint.js';
import {
  compareNetworks,
  type Links,
  linksIn,
  NO_LINKS,
  type PossibleScopes,
  type Scope,
  type Scopes,
} from './scope.js';
import { NetworkZone } from './zone.js';

/** A container, running or not. */
export type HostContainer = Pick<
  InspectedContainer,
  'id' | 'name' | 'sandboxPath' | 'exposedPorts' | 'endpoints'
> &
  Partial<Pick<InspectedContainer, 'labels'>>;

/** One that runs, as Docker has it. */
export interface RunningContainer {
  readonly id: string;
  readonly name: string;
  /** The same object as long as nothing about the container has changed. */
  readonly labels: Readonly<Record<string, string>>;
  readonly networks: readonly Pick<InspectedEndpoint, 'network' | 'networkId'>[];
}

/** One of xnet's, by the Docker network that is tied to it. */
interface ClusterNetwork {
  readonly id: string;
  readonly internal: boolean;
}

/** Undefined: a network of this host alone. */
type ClusterNetworkOf = (
  endpoint: Pick<InspectedEndpoint, 'network' | 'networkId'>,
) => ClusterNetwork | undefined;

/** For so long a daemon that has just started expects Docker's list of containers. */
const FIRST_LOOK_MS = 5_000;

/** In these Docker's resolver knows no names; links there are lines of the container's hosts file. */
const NAMELESS_NETWORKS: readonly string[] = ['bridge', 'host', 'none'];

/** Ids of networks of this host alone. Names of swarm's networks, of other hosts too, are left to Docker's resolver. */
const HOST_NETWORK_ID = /^([0-9a-f]{64})?$/;

interface Known extends Omit<HostContainer, 'endpoints'> {
  readonly endpointIds: string;
  /** The networks in which it finds others by name. */
  readonly places: readonly Place[];
}

interface Place extends InspectedEndpoint {
  readonly aliases: Links;
}

type ListedContainer = Pick<DockerContainer, 'id' | 'name' | 'endpoints'>;

export class HostContainers {
  readonly #containers = new Map<string, Known>();
  readonly #bySandbox = new Map<string, Known>();
  /** By the sandbox. */
  readonly #running = new Map<string, RunningContainer>();
  /** Being inspected for the first time. */
  readonly #expected = new Set<string>();
  /** Of Docker's networks of this host, by name; undefined since a container in them changed. */
  readonly #zones = new Map<string, NetworkZone>();
  readonly #changes = new EventEmitter().setMaxListeners(0);
  #clusterNetwork: ClusterNetworkOf = () => undefined;
  /** Docker has listed its containers, or could not be asked. */
  #hasLooked = false;
  readonly #lookEndsMs = performance.now() + FIRST_LOOK_MS;

  constructor(private readonly zoneOf: ZoneOf) {}

  connect(clusterNetwork: ClusterNetworkOf): void {
    this.#clusterNetwork = clusterNetwork;
  }

  /** All containers of this host's Docker. Returns those to be inspected: new ones, and ones that have changed since. */
  list<T extends ListedContainer>(containers: readonly T[]): T[] {
    const ids = new Set(containers.map(({ id }) => id));
    for (const id of [...this.#containers.keys()]) if (!ids.has(id)) this.forget(id);
    const changed = containers.filter(
      (container) => !isAsKnown(container, this.#containers.get(container.id)),
    );
    for (const { id } of changed) this.expect(id);
    this.#hasLooked = true;
    this.#changed();
    return changed;
  }

  /** Docker cannot be asked which containers there are. */
  unreachable(): void {
    this.#hasLooked = true;
    this.#changed();
  }

  /** It is being inspected. */
  expect(containerId: string): void {
    if (!this.#containers.has(containerId)) this.#expected.add(containerId);
  }

  learn({ id, name, sandboxPath, exposedPorts, endpoints, labels = {} }: HostContainer): void {
    this.#remove(id);
    const places = endpoints
      .filter(({ network }) => !NAMELESS_NETWORKS.includes(network))
      .map((endpoint) => ({ ...endpoint, aliases: linksIn(endpoint.network, endpoint.links) }));
    const known = { id, name, sandboxPath, exposedPorts, places, endpointIds: idsOf(endpoints) };
    this.#containers.set(id, known);
    // One without a network of its own may be in another's sandbox.
    if (sandboxPath !== undefined && places.length > 0) {
      this.#bySandbox.set(sandboxPath, known);
      this.#running.set(sandboxPath, { id, name, labels, networks: endpoints });
    }
    for (const { network } of places) this.#zones.delete(network);
    this.#changed();
  }

  /** It could not be inspected: what was known of it is kept. */
  failed(containerId: string): void {
    this.#expected.delete(containerId);
    this.#changed();
  }

  /** It is gone. */
  forget(containerId: string): void {
    this.#remove(containerId);
    this.#changed();
  }

  /** What queries are answered from in the sandbox, which is in these networks of xnet's. */
  possible(sandboxPath: string, networkIds: ReadonlySet<string>): PossibleScopes {
    const container = this.#bySandbox.get(sandboxPath);
    if (container) return { each: [this.#scopes(container.places, networkIds)], isOpen: false };
    const candidates = [...this.#containers.values()].filter((each) => this.#mayBeIn(each, networkIds));
    const each = [[], ...candidates.map(({ places }) => places)].map((places) =>
      this.#scopes(places, networkIds),
    );
    return { each, isOpen: this.#isLooking || this.#expected.size > 0 };
  }

  /** Undefined: nothing runs there, or Docker has not named it yet. */
  inSandbox(sandboxPath: string): RunningContainer | undefined {
    return this.#running.get(sandboxPath);
  }

  /** Calls `listener` at each change of what is known here. */
  onChange(listener: () => void): void {
    this.#changes.on('change', listener);
  }

  /** Resolves at the next change of what is known here, or when `timeoutMs` have passed. */
  async change(timeoutMs: number): Promise<void> {
    const signal = AbortSignal.timeout(Math.ceil(timeoutMs));
    await once(this.#changes, 'change', { signal }).catch(() => undefined);
  }

  get #isLooking(): boolean {
    return !this.#hasLooked && performance.now() < this.#lookEndsMs;
  }

  /** Whether it may be the one that has just been started in a sandbox with these networks. */
  #mayBeIn({ sandboxPath, places }: Known, networkIds: ReadonlySet<string>): boolean {
    if (sandboxPath !== undefined) return false;
    return places.some((place) => {
      const cluster = this.#clusterNetwork(place);
      return place.networkId === '' || (cluster && networkIds.has(cluster.id));
    });
  }

  #scopes(places: readonly Place[], networkIds: ReadonlySet<string>): Scopes {
    const scopes: Scope[] = [];
    const left = new Set(networkIds);
    for (const { place, cluster } of this.#ordered(places)) {
      if (!cluster) scopes.push({ zone: this.#hostZone(place.network), links: place.aliases });
      else if (left.delete(cluster.id)) scopes.push(...this.#clusterScope(cluster.id, place.aliases));
    }
    // Docker has just connected it, and its links there are not known yet.
    for (const id of left) scopes.push(...this.#clusterScope(id, NO_LINKS));
    return scopes;
  }

  #ordered(
    places: readonly Place[],
  ): { readonly place: Place; readonly cluster: ClusterNetwork | undefined }[] {
    const ordered = places.flatMap((place) => {
      const cluster = this.#clusterNetwork(place);
      if (!cluster && !HOST_NETWORK_ID.test(place.networkId)) return [];
      return { place, cluster, isOfCluster: cluster !== undefined, isInternal: cluster?.internal ?? false };
    });
    if (ordered.length < 2) return ordered;
    return ordered.sort((one, other) =>
      compareNetworks({ ...one.place, ...one }, { ...other.place, ...other }),
    );
  }

  #clusterScope(networkId: string, links: Links): Scope[] {
    const zone = this.zoneOf(networkId);
    return zone ? [{ zone, links }] : [];
  }

  #hostZone(network: string): NetworkZone {
    const known = this.#zones.get(network);
    if (known) return known;
    const endpoints = [...this.#containers.values()].flatMap((container) =>
      zoneEndpoints(container, network),
    );
    const zone = NetworkZone.build([network], endpoints);
    this.#zones.set(network, zone);
    return zone;
  }

  #remove(containerId: string): void {
    this.#expected.delete(containerId);
    const known = this.#containers.get(containerId);
    if (!known) return;
    this.#containers.delete(containerId);
    const { sandboxPath = '' } = known;
    if (this.#bySandbox.get(sandboxPath) === known) this.#bySandbox.delete(sandboxPath);
    if (this.#running.get(sandboxPath)?.id === containerId) this.#running.delete(sandboxPath);
    for (const { network } of known.places) this.#zones.delete(network);
  }

  #changed(): void {
    this.#changes.emit('change');
  }
}

/** A container that does not run keeps its names, without an address: while it is restarted they are nobody else's. */
function zoneEndpoints({ id, name, exposedPorts, places }: Known, network: string): ZoneEndpoint[] {
  return places
    .filter((place) => place.network === network)
    .map(({ names, addresses }) => ({
      addresses,
      names: [...names, id.slice(0, 12)],
      containerName: name,
      ports: exposedPorts,
      alive: true,
    }));
}

function isAsKnown({ name, endpoints }: ListedContainer, known: Known | undefined): boolean {
  return known?.name === name && known.endpointIds === idsOf(endpoints);
}

function idsOf(endpoints: ListedContainer['endpoints']): string {
  return endpoints
    .map(({ endpointId }) => endpointId)
    .sort()
    .join();
}
