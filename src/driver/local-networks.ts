import { XnetError } from '../errors.js';
import { type EndpointRecord, type HostEndpoint, recalled } from '../model/endpoint.js';
import type { NetworkRecord } from '../model/network.js';

export interface LocalNetwork {
  readonly dockerNetworkId: string;
  readonly record: NetworkRecord;
}

/**
 * What this host's Docker has of xnet: its networks and their endpoints, in memory, so that no RPC has to
 * ask the store who they are. Filled from the store at start, then kept by the driver's own calls.
 */
export class LocalNetworks {
  readonly #networks = new Map<string, LocalNetwork>();
  /** Id of a network of the cluster -> those of the Docker networks that are bound to it. */
  readonly #bound = new Map<string, Set<string>>();
  readonly #endpoints = new Map<string, HostEndpoint>();
  /** Ids of those that are being made, with that of their Docker network. */
  readonly #creating = new Map<string, string>();
  /** Docker networks that are being bound to another network of the cluster. */
  readonly #moves = new Map<string, Promise<unknown>>();

  /** `latest`: the record as the cluster has it; undefined where it is gone, and the one that was added counts. */
  constructor(private readonly latest: (networkId: string) => NetworkRecord | undefined = () => undefined) {}

  addNetwork(network: LocalNetwork): void {
    const { dockerNetworkId, record } = network;
    this.removeNetwork(dockerNetworkId);
    this.#networks.set(dockerNetworkId, network);
    this.#bound.set(record.id, (this.#bound.get(record.id) ?? new Set()).add(dockerNetworkId));
  }

  removeNetwork(dockerNetworkId: string): void {
    const { id = '' } = this.#networks.get(dockerNetworkId)?.record ?? {};
    this.#networks.delete(dockerNetworkId);
    this.#bound.get(id)?.delete(dockerNetworkId);
    if (this.#bound.get(id)?.size === 0) this.#bound.delete(id);
  }

  findNetwork(dockerNetworkId: string): LocalNetwork | undefined {
    const network = this.#networks.get(dockerNetworkId);
    return network && this.#current(network);
  }

  /** Throws NOT_FOUND with what to do. */
  getNetwork(dockerNetworkId: string): LocalNetwork {
    const network = this.findNetwork(dockerNetworkId);
    if (network) return network;
    throw new XnetError(
      'NOT_FOUND',
      `xnet on this host knows no Docker network ${dockerNetworkId}; remove it with docker network rm and create it again`,
    );
  }

  /** A network of the cluster to which one of this host's Docker networks is bound. */
  findRecord(networkId: string): NetworkRecord | undefined {
    const [dockerNetworkId = ''] = this.#bound.get(networkId) ?? [];
    return this.findNetwork(dockerNetworkId)?.record;
  }

  listNetworks(): LocalNetwork[] {
    return [...this.#networks.values()].map((network) => this.#current(network));
  }

  /** True when another Docker network of this host is bound to the same cluster network. */
  isShared({ record, dockerNetworkId }: LocalNetwork): boolean {
    return [...(this.#bound.get(record.id) ?? [])].some((other) => other !== dockerNetworkId);
  }

  /**
   * Runs `make` after any move of the Docker network has ended. Until `make` ends, the endpoint counts as being
   * created.
   */
  async makeEndpoint<T>(endpointId: string, dockerNetworkId: string, make: () => Promise<T>): Promise<T> {
    while (this.#moves.has(dockerNetworkId)) await this.#moves.get(dockerNetworkId);
    this.#creating.set(endpointId, dockerNetworkId);
    try {
      return await make();
    } finally {
      this.#creating.delete(endpointId);
    }
  }

  /** Runs `move`, while no endpoint of the Docker network is being made. Throws IN_USE when one is. */
  async moveNetwork<T>(dockerNetworkId: string, move: () => Promise<T>): Promise<T> {
    if ([...this.#creating.values()].includes(dockerNetworkId))
      throw new XnetError('IN_USE', `a container is being started in Docker network ${dockerNetworkId}`);
    const moved = move();
    const ended = moved.catch(() => undefined);
    this.#moves.set(dockerNetworkId, ended);
    try {
      return await moved;
    } finally {
      this.#moves.delete(dockerNetworkId);
    }
  }

  /** Whether an endpoint whose id begins so is being created. */
  isBeingCreated(beginning: string): boolean {
    return [...this.#creating.keys()].some((id) => id.startsWith(beginning));
  }

  /** Whether there is an endpoint, in whichever network, whose id begins so. */
  hasEndpoint(beginning: string): boolean {
    return [...this.#endpoints.keys()].some((id) => id.startsWith(beginning));
  }

  /** An endpoint that an earlier daemon created. */
  recallEndpoint(record: EndpointRecord): void {
    this.putEndpoint(recalled(record));
  }

  putEndpoint(endpoint: HostEndpoint): void {
    this.#endpoints.set(endpoint.record.id, endpoint);
  }

  /** The endpoint as `change` makes it. Nothing for an unknown one. */
  changeEndpoint(endpointId: string, change: (endpoint: HostEndpoint) => HostEndpoint): void {
    const endpoint = this.#endpoints.get(endpointId);
    if (endpoint) this.putEndpoint(change(endpoint));
  }

  removeEndpoint(endpointId: string): void {
    this.#endpoints.delete(endpointId);
  }

  findEndpoint(endpointId: string): EndpointRecord | undefined {
    return this.#endpoints.get(endpointId)?.record;
  }

  isJoined(endpointId: string): boolean {
    return this.#endpoints.get(endpointId)?.state === 'joined';
  }

  /** Throws NOT_FOUND. */
  getEndpoint(endpointId: string): EndpointRecord {
    const endpoint = this.findEndpoint(endpointId);
    if (endpoint) return endpoint;
    throw new XnetError(
      'NOT_FOUND',
      `xnet on this host knows no endpoint ${endpointId}; start the container again`,
    );
  }

  /** Endpoints of this host in a cluster network. */
  listEndpoints(networkId: string): EndpointRecord[] {
    return this.listAllEndpoints().filter((endpoint) => endpoint.networkId === networkId);
  }

  listAllEndpoints(): EndpointRecord[] {
    return [...this.#endpoints.values()].map(({ record }) => record);
  }

  /** The networks that a sandbox is in, by its other endpoints. Those of joins before the daemon's start are not known. */
  listNetworksOf(sandboxPath: string, exceptEndpointId: string): NetworkRecord[] {
    return [...this.#endpoints.values()]
      .filter((other) => other.sandboxPath === sandboxPath && other.record.id !== exceptEndpointId)
      .flatMap(({ record }) => this.findNetwork(record.dockerNetworkId)?.record ?? []);
  }

  #current({ dockerNetworkId, record }: LocalNetwork): LocalNetwork {
    return { dockerNetworkId, record: this.latest(record.id) ?? record };
  }
}
