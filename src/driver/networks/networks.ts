import type { KeyedMutex } from '../../concurrency/keyed-mutex.js';
import type { Dataplane } from '../../dataplane/dataplane.js';
import type { Prefix } from '../../inet/prefix.js';
import { type BindingReference, bindingRecord } from '../../model/binding.js';
import { putBinding } from '../../model/by-host.js';
import { keys } from '../../model/keys.js';
import type { Mode } from '../../model/mode.js';
import { modeOf, type NetworkRecord, networkRecord } from '../../model/network.js';
import { ADDRESS_SPACES } from '../../model/pool.js';
import { findRecord, parseRecord } from '../../model/record.js';
import { transact } from '../../store/transact.js';
import type { GivenPool, NetworkFollower, PoolBook } from '../collaborators.js';
import type { LocalNetwork, LocalNetworks } from '../local-networks.js';
import type { PoolRequests } from '../pool-requests.js';
import { isLan } from './lan-plan.js';
import {
  attemptAdoption,
  attemptCreation,
  findNetwork,
  globalNetworkId,
  type NetworkCreation,
  type NetworkCreationParts,
  newNetworkId,
} from './network-creation.js';
import { attemptMove, type Move } from './network-move.js';
import type { NetworkReference } from './network-options.js';
import { checkMtu, subnetsOf } from './network-plan.js';
import { findGlobalPool } from './network-pools.js';
import { attemptRemoval, type NetworkRemovalParts, releaseGlobalPools } from './network-removal.js';
import type { NewNetworks } from './new-networks.js';
import { encrypts } from './protection-options.js';

export interface NetworksParts extends NetworkCreationParts, NetworkRemovalParts {
  readonly local: LocalNetworks;
  readonly newNetworks: NewNetworks;
  readonly dataplane: Dataplane;
  readonly follower: NetworkFollower;
  readonly mutex: KeyedMutex;
  readonly deleteEndpoint: (endpointId: string) => Promise<void>;
  readonly pools: PoolBook;
  readonly poolRequests: Pick<PoolRequests, 'take'>;
  /** The networks of this host's Docker are of global scope. */
  readonly isGlobal: boolean;
  /** MTU that fits this host's underlay, in bytes. */
  readonly largestMtu: (mode?: Mode, isEncrypted?: boolean) => number;
  /** Called after this host's set of networks changed. */
  readonly changed: () => void;
}

/** Creates and deletes networks: binds this host's Docker networks to networks of the cluster. */
export class Networks {
  readonly #parts: NetworksParts;

  constructor(parts: NetworksParts) {
    this.#parts = parts;
  }

  /**
   * Binds a Docker network to the cluster network that its options name, which is created when absent. Idempotent by
   * the Docker network's id. A repetition brings new holds on pools; they replace the former ones, which Docker forgot
   * when it restarted. Nothing is created in the kernel before the first endpoint. Throws INVALID, IN_USE (VNI, subnet
   * of a docker_gwbridge or of another network of global scope), NOT_FOUND (xnet.id).
   */
  async create(creation: NetworkCreation): Promise<void> {
    const { local, mutex, store } = this.#parts;
    await mutex.run(creation.dockerNetworkId, async () => {
      const pools = await this.#findPools(creation);
      const known = local.findNetwork(creation.dockerNetworkId);
      if (known) return this.#renewHolds(known, pools);
      const { mtu, mode } = creation.options;
      const isEncrypted = encrypts(creation.options, this.#parts.encryptAll);
      if (!isLan(mode)) checkMtu(mtu, this.#parts.largestMtu(mode, isEncrypted));
      const networkId = newNetworkId(creation.dockerNetworkId, this.#parts.isGlobal);
      const record = await transact(store, () => attemptCreation(this.#parts, creation, pools, networkId));
      if (mayBeMirrored(record)) this.#parts.newNetworks.add(creation.dockerNetworkId);
      local.addNetwork({ dockerNetworkId: creation.dockerNetworkId, record });
      this.#parts.changed();
    });
  }

  /**
   * Unbinds a Docker network and removes what it has in the kernel and the store, with its holds on pools (Docker gives
   * these back only while xnet answers). The cluster network is removed with its last binding. A mirrored network is
   * marked by the first host where it is removed, for the others; one that was `lost` (no user removed it) stays.
   * Idempotent: an unknown network is success.
   */
  async delete(dockerNetworkId: string, { lost = false } = {}): Promise<void> {
    const { local, mutex } = this.#parts;
    await mutex.run(dockerNetworkId, async () => {
      const network = local.findNetwork(dockerNetworkId);
      if (network) await this.#remove(network, lost);
    });
  }

  /**
   * Binds a Docker network for which this host got no CreateNetwork to the network of the cluster with its id, if there
   * is one. Only for networks of global scope: Docker makes that call on the host where it was created alone. Throws
   * the store's errors.
   */
  async adopt(dockerNetworkId: string): Promise<void> {
    const { local, mutex, store, isGlobal } = this.#parts;
    if (!isGlobal) return;
    await mutex.run(dockerNetworkId, async () => {
      if (local.findNetwork(dockerNetworkId)) return;
      const id = globalNetworkId(dockerNetworkId);
      const record = await transact(store, () => attemptAdoption(this.#parts, dockerNetworkId, id));
      // Throws while the store is away: only the store itself can say that there is none.
      if (!record) await store.get(keys.network(id), { fresh: true });
      if (!record) return;
      local.addNetwork({ dockerNetworkId, record });
      this.#parts.changed();
    });
  }

  /**
   * For a Docker network that could not be read at the start: makes it known here when the store has its binding, and
   * else removes what is left of it here. Idempotent. Throws the store's errors.
   */
  async recall({ networkId, hostId, dockerNetworkId }: BindingReference): Promise<void> {
    const { local, mutex, store } = this.#parts;
    await mutex.run(dockerNetworkId, async () => {
      const isBound = await store.get(keys.bindingTwin({ networkId, hostId, dockerNetworkId }));
      const entry = isBound && (await store.get(keys.network(networkId)));
      const record = entry && findRecord(networkRecord, entry);
      const known = local.findNetwork(dockerNetworkId);
      if (known && !isBound) await this.#remove(known, true);
      if (known || !record) return;
      local.addNetwork({ dockerNetworkId, record });
      this.#parts.changed();
    });
  }

  /** As `delete`, also for a Docker network that could not be read at the start. */
  async unbind(binding: BindingReference, options: { lost: boolean }): Promise<void> {
    await this.recall(binding);
    await this.delete(binding.dockerNetworkId, options);
  }

  /**
   * A user has removed a Docker network, which was unbound before it was known as seen (OwnActions): the removal counts
   * as any other. Idempotent. Throws the store's errors.
   */
  async withdraw(binding: BindingReference): Promise<void> {
    await this.#parts.mutex.run(binding.dockerNetworkId, async () => {
      await releaseGlobalPools(this.#parts.pools, await this.#removeFromStore(binding, false));
    });
  }

  /**
   * Binds a Docker network that no container has been in to another network of the cluster, which its creator meant.
   * Throws IN_USE when a container has joined it in the meantime, and the store's errors.
   */
  async move(move: Move): Promise<void> {
    const { local, mutex, store, changed } = this.#parts;
    const { dockerNetworkId } = move;
    await mutex.run(dockerNetworkId, async () => {
      const network = local.findNetwork(dockerNetworkId);
      if (network?.record.id !== move.networkId) return;
      await local.moveNetwork(dockerNetworkId, async () => {
        const record = await transact(store, () => attemptMove(store, move));
        if (!record) return;
        await this.#removeFromKernel(network);
        local.addNetwork({ dockerNetworkId, record });
      });
      changed();
    });
  }

  /** As `findNetwork` of network-creation.ts. */
  find(reference: NetworkReference): Promise<NetworkRecord | undefined> {
    return findNetwork(this.#parts.store, reference);
  }

  /** Of all networks of the cluster. Throws the store's errors. */
  async listSubnets(): Promise<Prefix[]> {
    const { entries } = await this.#parts.store.list(keys.networks());
    const records = entries.flatMap((entry) => findRecord(networkRecord, entry) ?? []);
    return records.flatMap(subnetsOf);
  }

  async #remove(network: LocalNetwork, lost: boolean): Promise<void> {
    const { hostId, local, newNetworks, changed } = this.#parts;
    const { dockerNetworkId, record } = network;
    newNetworks.accept(dockerNetworkId);
    await this.#deleteForgottenEndpoints(network);
    await this.#removeFromKernel(network);
    await this.#releasePools(network);
    const removed = await this.#removeFromStore({ networkId: record.id, hostId, dockerNetworkId }, lost);
    local.removeNetwork(dockerNetworkId);
    changed();
    await releaseGlobalPools(this.#parts.pools, removed);
  }

  #removeFromStore(binding: BindingReference, lost: boolean): Promise<NetworkRecord | undefined> {
    return transact(this.#parts.store, () => attemptRemoval(this.#parts, binding, lost));
  }

  #findPools({ dockerNetworkId, subnets, options }: NetworkCreation): Promise<GivenPool[]> {
    const { store, poolRequests, isGlobal } = this.#parts;
    const find = async (addressSpace: string, subnet: string) => {
      if (addressSpace === ADDRESS_SPACES.global)
        return findGlobalPool(store, this.#parts, subnet, newNetworkId(dockerNetworkId, isGlobal));
      return poolRequests.take(addressSpace, subnet, options.name) ?? { subnet };
    };
    return Promise.all(subnets.map(({ addressSpace, subnet }) => find(addressSpace, subnet)));
  }

  async #renewHolds({ dockerNetworkId, record }: LocalNetwork, given: readonly GivenPool[]): Promise<void> {
    const { store, hostId, pools } = this.#parts;
    const fresh = given.flatMap(({ poolId }) => poolId ?? []);
    if (fresh.length === 0) return;
    const key = keys.binding(record.id, hostId, dockerNetworkId);
    const former = await transact<readonly string[]>(store, async () => {
      const entry = await store.get(key);
      const binding = entry && parseRecord(bindingRecord, entry);
      if (!entry || !binding || binding.poolIds?.join() === fresh.join()) return { result: [] };
      return {
        result: binding.poolIds ?? [],
        conditions: [{ key, is: 'at', revision: entry.revision }],
        writes: putBinding({ ...binding, poolIds: fresh }),
      };
    });
    await Promise.all(former.filter((id) => !fresh.includes(id)).map((poolId) => pools.releasePool(poolId)));
  }

  async #releasePools({ dockerNetworkId, record }: LocalNetwork): Promise<void> {
    const { store, hostId, pools } = this.#parts;
    const binding = await store.get(keys.bindingTwin({ networkId: record.id, hostId, dockerNetworkId }));
    const { poolIds = [] } = binding ? parseRecord(bindingRecord, binding) : {};
    await Promise.all(poolIds.map((poolId) => pools.releasePool(poolId)));
  }

  /** Resolves when the VNI is free again on this host: only then may the cluster give it to another network. */
  async #removeFromKernel(network: LocalNetwork): Promise<void> {
    const { local, follower, dataplane } = this.#parts;
    if (local.isShared(network)) return;
    await follower.unfollow(network.record.id);
    await dataplane.removeNetwork(network.record.id, modeOf(network.record));
  }

  /** Docker removes a network only when it has no endpoint left, but it may have lost some without a DeleteEndpoint. */
  async #deleteForgottenEndpoints({ dockerNetworkId, record }: LocalNetwork): Promise<void> {
    const endpoints = this.#parts.local.listEndpoints(record.id);
    const forgotten = endpoints.filter((endpoint) => endpoint.dockerNetworkId === dockerNetworkId);
    await Promise.all(forgotten.map(({ id }) => this.#parts.deleteEndpoint(id)));
  }
}

/** True for a network that is still to be mirrored under its name, which Docker does not send to a driver. */
export function mayBeMirrored({ name, mirror, unmirrored, swarm }: NetworkRecord): boolean {
  return name === undefined && !mirror && !unmirrored && !swarm;
}
