import { XnetError } from '../errors.js';
import { keys } from '../model/keys.js';
import type { LanMode } from '../model/mode.js';
import { type NetworkRecord, networkRecord } from '../model/network.js';
import { isGlobalPool } from '../model/pool.js';
import { formatRecord, parseRecord } from '../model/record.js';
import { type Attempt, asRead, transact } from '../store/transact.js';
import { isLan } from './networks/lan-plan.js';
import { globalNetworkId, newRecord, planRecord } from './networks/network-creation.js';
import { checkForeign, type NetworkOptions, parseNetworkOptions } from './networks/network-options.js';
import { checkMtu } from './networks/network-plan.js';
import { findGlobalPool } from './networks/network-pools.js';
import { attemptFreeing, releaseGlobalPools } from './networks/network-removal.js';
import type { NetworksParts } from './networks/networks.js';
import { encrypts } from './networks/protection-options.js';
import { refuseOverlaps } from './networks/routed-plan.js';

export interface Allocation {
  readonly dockerNetworkId: string;
  /** `-o`; in a repeated allocation also the options of the former answer. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly subnets: readonly string[];
}

export type SwarmNetworksParts = Pick<
  NetworksParts,
  | 'store'
  | 'pools'
  | 'poolRequests'
  | 'gatewaySubnets'
  | 'reached'
  | 'hostRoutes'
  | 'findParent'
  | 'largestMtu'
  | 'encryptAll'
  | 'requireEncryption'
>;

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
    const { store, pools, largestMtu, encryptAll } = this.#parts;
    const id = globalNetworkId(allocation.dockerNetworkId);
    const { 'xnet.id': given = id, ...asked } = allocation.options;
    if (given !== id) {
      throw new XnetError(
        'INVALID',
        "option xnet.id does not go with swarm's networks, which are there on all nodes by themselves; leave it out",
      );
    }
    const parsed = parseNetworkOptions(asked);
    if (isLan(parsed.mode)) throw onLan(parsed.mode);
    checkMtu(parsed.mtu, largestMtu(parsed.mode, encrypts(parsed, encryptAll)));
    const former = await transact(store, () => this.#attempt(allocation, parsed, id));
    // Swarm has stored what was answered before, and knows it no more: a manager has started. Other repetitions are of a call.
    if ('xnet.id' in allocation.options) {
      for (const { poolKey } of former?.pools ?? []) if (isGlobalPool(poolKey)) pools.beginTakeover(poolKey);
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
    const removed = await transact(store, () => attemptFreeing(store, globalNetworkId(dockerNetworkId)));
    await releaseGlobalPools(pools, removed);
  }

  /** Results in the network as it was, when it was there. */
  async #attempt(
    { dockerNetworkId, subnets }: Allocation,
    options: NetworkOptions,
    id: string,
  ): Promise<Attempt<NetworkRecord | undefined>> {
    const { store } = this.#parts;
    const swarm = { dockerNetworkId };
    const entry = await store.get(keys.network(id));
    if (entry) {
      const result = parseRecord(networkRecord, entry);
      if (result.swarm) return { result };
      const write = { put: entry.key, value: formatRecord({ ...result, swarm }) };
      return { result, conditions: [asRead(entry.key, entry)], writes: [write] };
    }
    checkForeign(options);
    await this.#refuseTakenName(options.name);
    const given = await Promise.all(subnets.map((subnet) => findGlobalPool(store, this.#parts, subnet, id)));
    const creation = { options, internal: false, asksForGateways: false, subnets: [] };
    const made = await newRecord(this.#parts, creation, given, id, options.name);
    await refuseOverlaps(this.#parts, made);
    return { result: undefined, ...(await planRecord(store, { ...made, swarm }, options)) };
  }

  async #refuseTakenName(name: string | undefined): Promise<void> {
    if (name === undefined || !(await this.#parts.store.get(keys.name(name)))) return;
    throw new XnetError(
      'IN_USE',
      `the cluster has a network ${name} already, and swarm's networks cannot join it; choose another xnet.name`,
    );
  }
}

/** Swarm sends no gateway to the nodes, and gives each service an address for which no device of the LAN answers. */
function onLan({ kind }: LanMode): XnetError {
  return new XnetError(
    'INVALID',
    `option -o xnet.mode=${kind} does not go with swarm's networks, whose services have virtual addresses that a LAN does not know: leave it out, or set --scope local on every host and create the network with docker network create on one of them`,
  );
}
