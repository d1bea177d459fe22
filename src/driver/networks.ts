import { randomBytes } from 'node:crypto';
import type { KeyedMutex } from '../concurrency/keyed-mutex.js';
import type { Dataplane } from '../dataplane/dataplane.js';
import { keys } from '../store/keys.js';
import { bindingRecord, type NetworkRecord, parseRecord } from '../store/records.js';
import { transact } from '../store/transact.js';
import type { GivenPool, NetworkFollower } from './collaborators.js';
import type { LocalNetwork, LocalNetworks } from './local-networks.js';
import {
  attemptCreation,
  findNetwork,
  type NetworkCreation,
  type NetworkCreationParts,
} from './network-creation.js';
import type { NetworkReference } from './network-options.js';
import { checkMtu } from './network-plan.js';
import { attemptRemoval, type NetworkRemovalParts } from './network-removal.js';

export interface NetworksParts extends NetworkCreationParts, NetworkRemovalParts {
  readonly local: LocalNetworks;
  readonly dataplane: Dataplane;
  readonly follower: NetworkFollower;
  readonly mutex: KeyedMutex;
  readonly deleteEndpoint: (endpointId: string) => Promise<void>;
  /** MTU that fits this host's underlay, in bytes. */
  readonly largestMtu: number;
  /** Called after this host's set of networks changed. */
  readonly changed: () => void;
}

/** Creates and deletes networks: ties this host's Docker networks to networks of the cluster. */
export class Networks {
  readonly #parts: NetworksParts;

  constructor(parts: NetworksParts) {
    this.#parts = parts;
  }

  /**
   * Ties a Docker network to the cluster network its options name, made when absent. Idempotent by the
   * Docker network's id. Nothing is made in the kernel before the first endpoint. Throws INVALID, IN_USE
   * (VNI, subnet of a docker_gwbridge), NOT_FOUND (xnet.id).
   */
  async create(creation: NetworkCreation): Promise<void> {
    const { local, mutex, store } = this.#parts;
    await mutex.run(creation.dockerNetworkId, async () => {
      if (local.findNetwork(creation.dockerNetworkId)) return;
      checkMtu(creation.options.mtu, this.#parts.largestMtu);
      const pools = this.#findPools(creation);
      const networkId = randomBytes(6).toString('hex');
      const record = await transact(store, () => attemptCreation(this.#parts, creation, pools, networkId));
      local.addNetwork({ dockerNetworkId: creation.dockerNetworkId, record });
      this.#parts.changed();
    });
  }

  /**
   * Unties a Docker network and takes what it had out of kernel and store, with its holds on pools (Docker gives
   * these back only while xnet answers); the cluster network goes with its last binding. A mirrored network is marked
   * by the first host where it is removed, for the others; one that was `lost` (no user removed it) stays. Idempotent:
   * an unknown network is success.
   */
  async delete(dockerNetworkId: string, { lost = false } = {}): Promise<void> {
    const { local, mutex, store } = this.#parts;
    await mutex.run(dockerNetworkId, async () => {
      const network = local.findNetwork(dockerNetworkId);
      if (!network) return;
      await this.#deleteForgottenEndpoints(network);
      await this.#removeFromKernel(network);
      await this.#releasePools(network);
      await transact(store, () => attemptRemoval(this.#parts, network, lost));
      local.removeNetwork(dockerNetworkId);
      this.#parts.changed();
    });
  }

  /** As `findNetwork` of network-creation.ts. */
  find(reference: NetworkReference): Promise<NetworkRecord | undefined> {
    return findNetwork(this.#parts.store, reference);
  }

  #findPools({ subnets, options }: NetworkCreation): GivenPool[] {
    return subnets.map(
      ({ addressSpace, subnet }) =>
        this.#parts.pools.findRequested(addressSpace, subnet, options.name) ?? { subnet },
    );
  }

  async #releasePools({ dockerNetworkId, record }: LocalNetwork): Promise<void> {
    const { store, hostId, pools } = this.#parts;
    const binding = await store.get(keys.binding(record.id, hostId, dockerNetworkId));
    const { poolIds = [] } = binding ? parseRecord(bindingRecord, binding) : {};
    await Promise.all(poolIds.map((poolId) => pools.release(poolId)));
  }

  /** Resolves when the VNI is free again on this host: only then may the cluster give it to another network. */
  async #removeFromKernel(network: LocalNetwork): Promise<void> {
    const { local, follower, dataplane } = this.#parts;
    if (local.isShared(network)) return;
    await follower.unfollow(network.record.id);
    await dataplane.removeNetwork(network.record.id);
  }

  /** Docker removes a network only when it has no endpoint left, but it may have lost some without a word. */
  async #deleteForgottenEndpoints({ dockerNetworkId, record }: LocalNetwork): Promise<void> {
    const endpoints = this.#parts.local.listEndpoints(record.id);
    const forgotten = endpoints.filter((endpoint) => endpoint.dockerNetworkId === dockerNetworkId);
    await Promise.all(forgotten.map(({ id }) => this.#parts.deleteEndpoint(id)));
  }
}
