import { XnetError } from '../errors.js';
import { keys } from '../model/keys.js';
import { type NetworkRecord, networkRecord } from '../model/network.js';
import { formatRecord, parseRecord } from '../model/record.js';
import type { Store } from '../store/store.js';
import { type Attempt, transact } from '../store/transact.js';
import type { GatewaySubnet, PoolBook, ReachedAddress } from './collaborators.js';
import { globalNetworkId } from './networks/global-id.js';
import { findGlobalPool } from './networks/global-pools.js';
import { newRecord, planRecord } from './networks/network-creation.js';
import { checkForeign, parseNetworkOptions } from './networks/network-options.js';
import { checkMtu, checkReached, checkSubnets } from './networks/network-plan.js';
import { attemptFreeing } from './networks/network-removal.js';

export interface Allocation {
  readonly dockerNetworkId: string;
  /** `-o`; in a repeated allocation also the options of the former answer. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly subnets: readonly string[];
}

export interface SwarmNetworksParts {
  readonly store: Store;
  readonly pools: PoolBook;
  /** Of every host of the cluster. */
  readonly gatewaySubnets: () => readonly GatewaySubnet[];
  /** What containers of this host must reach. */
  readonly reached: () => Promise<readonly ReachedAddress[]>;
  /** MTU that fits this host's underlay, in bytes. */
  readonly largestMtu: () => number;
}

/**
 * The networks of swarm's managers. Each exists from its allocation on, whether or not a node has it. Managers repeat
 * all allocations when another of them becomes the leader, and after each start.
 */
export class SwarmNetworks {
  readonly #parts: SwarmNetworksParts;

  constructor(parts: SwarmNetworksParts) {
    this.#parts = parts;
  }

  /**
   * Creates the network unless it exists. Resolves to the options with which every node creates its part: a node gets
   * nothing else. Idempotent. Throws INVALID, and IN_USE (name, VNI, subnet).
   */
  async allocate(allocation: Allocation): Promise<Record<string, unknown>> {
    const { store, pools, largestMtu } = this.#parts;
    const id = globalNetworkId(allocation.dockerNetworkId);
    const { 'xnet.id': given = id, ...asked } = allocation.options;
    if (given !== id) {
      throw new XnetError(
        'INVALID',
        "option xnet.id does not go with swarm's networks, which are there on all nodes by themselves; leave it out",
      );
    }
    checkMtu(parseNetworkOptions(asked).mtu, largestMtu());
    const former = await transact(store, () => this.#attempt({ ...allocation, options: asked }, id));
    // Swarm has stored what was answered before, and knows it no more: a manager has started. Other repetitions are of a call.
    if ('xnet.id' in allocation.options) {
      for (const { poolKey } of former?.pools ?? [])
        if (pools.isGlobal(poolKey)) pools.beginTakeover(poolKey);
    }
    const { 'xnet.name': _, ...others } = asked;
    return { ...others, 'xnet.id': id };
  }

  /**
   * Swarm has removed the network: it is removed now, or with the last node's part in it. Idempotent. Throws the
   * store's errors.
   */
  async free(dockerNetworkId: string): Promise<void> {
    const { store, pools } = this.#parts;
    const removed = await transact(store, () =>
      attemptFreeing(this.#parts, globalNetworkId(dockerNetworkId)),
    );
    await Promise.all((removed?.pools ?? []).map(({ poolKey }) => pools.releaseGlobal(poolKey)));
  }

  /** Results in the network as it was, when it was there. */
  async #attempt(
    { dockerNetworkId, options, subnets }: Allocation,
    id: string,
  ): Promise<Attempt<NetworkRecord | undefined>> {
    const { store, pools, gatewaySubnets, reached } = this.#parts;
    const swarm = { dockerNetworkId };
    const entry = await store.get(keys.network(id));
    if (entry) return markAllocated(parseRecord(networkRecord, entry), entry.revision, swarm);
    const parsed = parseNetworkOptions(options);
    checkForeign(parsed);
    await this.#refuseTakenName(parsed.name);
    const given = await Promise.all(subnets.map((subnet) => findGlobalPool(store, pools, subnet, id)));
    checkSubnets(given, gatewaySubnets());
    checkReached(given, await reached());
    const creation = { options: parsed, internal: false };
    const record = { ...newRecord(pools, creation, given, id, parsed.name), swarm };
    return { result: undefined, ...(await planRecord(this.#parts, record, parsed)) };
  }

  async #refuseTakenName(name: string | undefined): Promise<void> {
    if (name === undefined || !(await this.#parts.store.get(keys.name(name)))) return;
    throw new XnetError(
      'IN_USE',
      `the cluster has a network ${name} already, and swarm's networks cannot join it; choose another xnet.name`,
    );
  }
}

function markAllocated(
  record: NetworkRecord,
  revision: number,
  swarm: NonNullable<NetworkRecord['swarm']>,
): Attempt<NetworkRecord> {
  if (record.swarm) return { result: record };
  const key = keys.network(record.id);
  return {
    result: record,
    conditions: [{ key, is: 'at', revision }],
    writes: [{ put: key, value: formatRecord({ ...record, swarm }) }],
  };
}
