import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import type { KeyedMutex } from '../concurrency/keyed-mutex.js';
import type { Dataplane } from '../dataplane/dataplane.js';
import { XnetError } from '../errors.js';
import { keys } from '../store/keys.js';
import {
  addressRecord,
  bindingRecord,
  endpointRecord,
  formatRecord,
  type NetworkRecord,
  networkRecord,
  parseRecord,
} from '../store/records.js';
import type { Condition, Store, Write } from '../store/store.js';
import { type Attempt, asRead, transact } from '../store/transact.js';
import type { GatewaySubnet, GivenPool, NetworkFollower, OwnDeeds, PoolBook } from './collaborators.js';
import type { LocalNetwork, LocalNetworks } from './local-networks.js';
import type { NetworkOptions, NetworkReference } from './network-options.js';
import { checkJoin, checkMtu, checkSubnets, chooseVni } from './network-plan.js';
import { planUnbinding, type Unbinding } from './unbinding-plan.js';

export interface NetworkCreation {
  readonly dockerNetworkId: string;
  readonly options: NetworkOptions;
  readonly internal: boolean;
  readonly subnets: readonly { readonly addressSpace: string; readonly subnet: string }[];
}

export interface NetworksParts {
  readonly store: Store;
  readonly hostId: string;
  readonly local: LocalNetworks;
  readonly dataplane: Dataplane;
  readonly pools: PoolBook;
  readonly follower: NetworkFollower;
  readonly mutex: KeyedMutex;
  readonly deeds: OwnDeeds;
  readonly deleteEndpoint: (endpointId: string) => Promise<void>;
  /** MTU that fits this host's underlay, in bytes. */
  readonly largestMtu: number;
  /** Of every host of the cluster. */
  readonly gatewaySubnets: () => readonly GatewaySubnet[];
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
    const { local, mutex } = this.#parts;
    await mutex.run(creation.dockerNetworkId, async () => {
      if (local.findNetwork(creation.dockerNetworkId)) return;
      checkMtu(creation.options.mtu, this.#parts.largestMtu);
      const pools = this.#findPools(creation);
      const networkId = randomBytes(6).toString('hex');
      const record = await transact(this.#parts.store, () => this.#attemptCreate(creation, pools, networkId));
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
    const { local, mutex } = this.#parts;
    await mutex.run(dockerNetworkId, async () => {
      const network = local.findNetwork(dockerNetworkId);
      if (!network) return;
      await this.#deleteForgottenEndpoints(network);
      await this.#removeFromKernel(network);
      await this.#releasePools(network);
      await transact(this.#parts.store, () => this.#attemptDelete(network, lost));
      local.removeNetwork(dockerNetworkId);
      this.#parts.changed();
    });
  }

  /**
   * The network of the cluster with that name or id; undefined when none has the name, or nothing is given.
   * Throws NOT_FOUND for an unknown id.
   */
  async find({ name, id }: NetworkReference): Promise<NetworkRecord | undefined> {
    const { store } = this.#parts;
    const networkId = id ?? (name === undefined ? undefined : (await store.get(keys.name(name)))?.value);
    const entry = networkId === undefined ? undefined : await store.get(keys.network(networkId));
    if (entry) return parseRecord(networkRecord, entry);
    if (id === undefined) return undefined;
    throw new XnetError(
      'NOT_FOUND',
      `the cluster has no network with xnet.id=${id}; \`xnet status\` lists them`,
    );
  }

  #findPools({ subnets, options }: NetworkCreation): GivenPool[] {
    return subnets.map(
      ({ addressSpace, subnet }) =>
        this.#parts.pools.findRequested(addressSpace, subnet, options.name) ?? { subnet },
    );
  }

  async #attemptCreate(
    creation: NetworkCreation,
    pools: readonly GivenPool[],
    newId: string,
  ): Promise<Attempt<NetworkRecord>> {
    const { name, id } = { ...ipamReference(pools), ...creation.options };
    const existing = await this.#findExisting({ name, id }, newId);
    if (existing) {
      checkJoin(existing, creation.options, pools);
      return { result: existing, ...this.#bind(creation.dockerNetworkId, existing.id, 'present', pools, []) };
    }
    checkSubnets(pools, this.#parts.gatewaySubnets());
    const record = this.#newRecord(creation, pools, newId, name);
    await this.#refuseTakenVni(creation.options.vni);
    const writes: Write[] = [
      { put: keys.network(newId), value: formatRecord(record) },
      { put: keys.vni(record.vni), value: newId },
      ...(name === undefined ? [] : [{ put: keys.name(name), value: newId }]),
    ];
    const bound = this.#bind(creation.dockerNetworkId, newId, 'absent', pools, writes);
    const free: Condition[] = [{ key: keys.vni(record.vni), is: 'absent' }];
    if (name !== undefined) free.push({ key: keys.name(name), is: 'absent' });
    return { result: record, conditions: [...bound.conditions, ...free], writes: bound.writes };
  }

  /** The network that the options name, or the one an earlier round of this creation made. */
  async #findExisting(reference: NetworkReference, newId: string): Promise<NetworkRecord | undefined> {
    const named = await this.find(reference);
    if (named) return named;
    const own = await this.#parts.store.get(keys.network(newId));
    return own && parseRecord(networkRecord, own);
  }

  #newRecord(
    { options, internal }: NetworkCreation,
    pools: readonly GivenPool[],
    id: string,
    name: string | undefined,
  ): NetworkRecord {
    return {
      version: 1,
      id,
      ...(name !== undefined && { name }),
      vni: options.vni ?? chooseVni(Math.random()),
      ...(options.mtu !== undefined && { mtu: options.mtu }),
      multicast: options.multicast ?? true,
      internal,
      pools: pools.map((pool) => ({
        subnet: pool.subnet,
        poolKey: pool.poolKey ?? this.#parts.pools.ownPoolKey(id, pool.subnet),
      })),
    };
  }

  async #refuseTakenVni(vni: number | undefined): Promise<void> {
    if (vni === undefined) return;
    const holder = await this.#parts.store.get(keys.vni(vni));
    if (!holder) return;
    throw new XnetError(
      'IN_USE',
      `VNI ${vni} is in use by network ${holder.value}; choose another xnet.vni, or join that network with -o xnet.id=${holder.value}`,
    );
  }

  #bind(
    dockerNetworkId: string,
    networkId: string,
    network: 'present' | 'absent',
    pools: readonly GivenPool[],
    writes: readonly Write[],
  ) {
    const { hostId } = this.#parts;
    const poolIds = pools.flatMap(({ poolId }) => poolId ?? []);
    const binding = { version: 1 as const, networkId, hostId, dockerNetworkId, poolIds };
    return {
      conditions: [{ key: keys.network(networkId), is: network }] as Condition[],
      writes: [
        ...writes,
        { put: keys.binding(networkId, hostId, dockerNetworkId), value: formatRecord(binding) },
        { put: keys.bindingGuard(networkId), value: dockerNetworkId },
      ],
    };
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

  async #attemptDelete(
    { dockerNetworkId, record: { id } }: LocalNetwork,
    lost: boolean,
  ): Promise<Attempt<void>> {
    const { store, hostId, deeds } = this.#parts;
    const own = keys.binding(id, hostId, dockerNetworkId);
    const guard = await store.get(keys.bindingGuard(id));
    const bindings = await store.list(keys.bindingsOf(id));
    // Read anew: the agent changes it.
    const entry = await store.get(keys.network(id));
    const binding = bindings.entries.find(({ key }) => key === own);
    if (!guard || !entry || !binding) return { result: undefined };
    const record = parseRecord(networkRecord, entry);
    const last = bindings.entries.length === 1;
    // Asked last of all: it is later than the store.
    const isOwn = deeds.isRemoving(dockerNetworkId);
    const seen = parseRecord(bindingRecord, binding).seen ?? deeds.made.get(dockerNetworkId);
    const end = planUnbinding(record, seen, { last, lost: lost || isOwn });
    if (end === 'remove') await this.#requireReadable(record);
    return {
      result: undefined,
      conditions: [guard, binding, entry].map((read) => asRead(read.key, read)),
      writes:
        end === 'remove'
          ? this.#removalWrites(record)
          : [
              { remove: own },
              // Two hosts that untie at once must see each other: one of them is the last.
              { put: guard.key, value: dockerNetworkId },
              ...markWrites(end, record, hostId),
            ],
    };
  }

  /** Docker removes a network only when it has no endpoint left, but it may have lost some without a word. */
  async #deleteForgottenEndpoints({ dockerNetworkId, record }: LocalNetwork): Promise<void> {
    const endpoints = this.#parts.local.listEndpoints(record.id);
    const forgotten = endpoints.filter((endpoint) => endpoint.dockerNetworkId === dockerNetworkId);
    await Promise.all(forgotten.map(({ id }) => this.#parts.deleteEndpoint(id)));
  }

  /** Throws INTERNAL when a newer xnet wrote a record that would go with the network: nobody here knows what it means. */
  async #requireReadable(record: NetworkRecord): Promise<void> {
    const { store } = this.#parts;
    const read = async (schema: z.ZodType, prefix: string) => {
      for (const entry of (await store.list(prefix)).entries) parseRecord(schema, entry);
    };
    const pools = this.#ownPoolKeys(record).map((poolKey) => read(addressRecord, keys.addressesOf(poolKey)));
    await Promise.all([read(endpointRecord, keys.endpointsOf(record.id)), ...pools]);
  }

  #ownPoolKeys({ id, pools }: NetworkRecord): string[] {
    return pools
      .map(({ subnet }) => this.#parts.pools.ownPoolKey(id, subnet))
      .filter((poolKey) => pools.some((pool) => pool.poolKey === poolKey));
  }

  #removalWrites(record: NetworkRecord): Write[] {
    return [
      { remove: keys.network(record.id) },
      { remove: keys.vni(record.vni) },
      { remove: keys.bindingGuard(record.id) },
      { removePrefix: keys.bindingsOf(record.id) },
      { removePrefix: keys.endpointsOf(record.id) },
      ...(record.name === undefined ? [] : [{ remove: keys.name(record.name) }]),
      ...this.#ownPoolKeys(record).map((poolKey) => ({ removePrefix: keys.addressesOf(poolKey) })),
    ];
  }
}

/** A marked network has no name any more, so that the name can be used at once, also while a host is away. */
function markWrites(end: Unbinding, record: NetworkRecord, hostId: string): Write[] {
  if (end !== 'mark' || !record.mirror) return [];
  const { name, ...nameless } = record;
  const marked = { ...nameless, mirror: { ...record.mirror, removal: { hostId } } };
  return [
    { put: keys.network(record.id), value: formatRecord(marked) },
    ...(name === undefined ? [] : [{ remove: keys.name(name) }]),
  ];
}

/** What `--ipam-opt` said, when `-o` does not. */
function ipamReference(pools: readonly GivenPool[]): NetworkReference {
  return pools.find(({ network }) => network)?.network ?? {};
}
