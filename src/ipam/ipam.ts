/**
 * src/ipam: pools and addresses for the whole cluster: what Docker's IpamDriver calls mean. Not in here: networks and
 * containers, of which it knows ids alone.
 *
 * Guarantee: no two endpoints have one address at the same time, on any hosts, whatever fails. An address is one key of
 * the store, which is written only when it is absent, resting, or the writer's own. There are no locks.
 */
import { Unfinished, type UnfinishedTiming } from '../concurrency/unfinished.js';
import { XnetError } from '../errors.js';
import type { IpAddress } from '../inet/ip-address.js';
import type { Prefix } from '../inet/prefix.js';
import { keys } from '../model/keys.js';
import type { PoolHold } from '../model/pool.js';
import type { Replica } from '../replica/replica.js';
import type { RecordReader } from '../store/record-reader.js';
import { TRANSACT_BUDGET_MS } from '../store/transact.js';
import { ADDRESS_SPACES } from './address-space.js';
import { AddressBook } from './addresses/address-book.js';
import { EndpointAddresses } from './addresses/endpoint-addresses.js';
import { type Released, releaseAddress } from './addresses/release-address.js';
import { SharedAddresses } from './addresses/shared-addresses.js';
import { clusterHold, isClusterHold } from './cluster-hold.js';
import type { IpamContext, IpamHost } from './ipam-context.js';
import { formatPoolId, newRequest, parsePoolId, type Request } from './pool-id.js';
import { formatPoolKey, parsePoolKey } from './pool-name.js';
import { describePools, type PoolDescription } from './pools/describe-pools.js';
import type { DefaultPool } from './pools/free-subnet.js';
import { listHoldsExcept } from './pools/host-holds.js';
import type { PoolRequest } from './pools/plan-pool.js';
import { listPools } from './pools/pool-entries.js';
import { PoolViews } from './pools/pool-views.js';
import { Pools } from './pools/pools.js';
import { Reserves, type ReservesOptions } from './reserve/reserves.js';
import { RestLeases } from './reserve/rest-leases.js';
import { AbandonedPools } from './swarm/abandoned-pools.js';
import { Takeovers } from './swarm/takeovers.js';

export interface IpamOptions {
  readonly store: Replica;
  readonly host: IpamHost;
  readonly records: RecordReader;
  /** Where subnets come from when the user names none; the first with a free subnet serves. */
  readonly defaultPools: readonly DefaultPool[];
  /** How long a released address is kept from automatic reuse. Default 60; 0: not at all. */
  readonly restSeconds?: number;
  /** Monotonic clock. */
  readonly nowMs?: () => number;
  /** How long a call goes on while the store does not answer or others are always faster. Default TRANSACT_BUDGET_MS. */
  readonly budgetMs?: number;
  /** How what could not be given back is tried again. */
  readonly unfinished?: UnfinishedTiming;
  /** How long a manager of swarm's may take to request again what it knows to be assigned. Default TAKEOVER_MS. */
  readonly takeoverMs?: number;
  /** What is held in advance; see reserves.ts. Default: nothing, looked at every second. */
  readonly reserves?: Partial<ReservesOptions>;
}

/** A commit of unknown outcome can still be applied for half a minute. */
const GIVING_BACK: UnfinishedTiming = { firstPauseMs: 1_000, longestPauseMs: 1_000, forMs: 30_000 };

const NO_RESERVES: ReservesOptions = {
  size: 0,
  lookMs: 1_000,
  isPoolHere: () => false,
  onFailure: () => undefined,
};

export interface AddressRequest {
  /** Required for an auxiliary address. */
  readonly address?: IpAddress;
  readonly purpose: 'endpoint' | 'gateway' | 'auxiliary';
  /** Name of the container, where Docker sends it; for error messages. */
  readonly container?: string;
  /** In the global space: the caller may have been given this address before. */
  readonly isRepeatable?: boolean;
}

export class Ipam implements AsyncDisposable {
  /** For the network driver: addresses as parts of its own commits. */
  readonly addressBook: AddressBook;
  readonly #context: IpamContext;
  readonly #pools: Pools;
  readonly #endpoints: EndpointAddresses;
  readonly #shared: SharedAddresses;
  readonly #reserves: Reserves;
  readonly #takeovers: Takeovers;
  readonly #abandonedPools: AbandonedPools;

  constructor(options: IpamOptions) {
    const { store, host, records } = options;
    const { restSeconds = 60, budgetMs = TRANSACT_BUDGET_MS, nowMs = () => performance.now() } = options;
    this.#context = {
      store,
      host,
      records,
      views: new PoolViews(store),
      rests: new RestLeases(store, restSeconds, nowMs),
      unfinished: new Unfinished(options.unfinished ?? GIVING_BACK),
      transactions: { budgetMs },
      keepsReleased: (poolKey) => this.#reserves.keepsReleased(poolKey),
    };
    this.#pools = new Pools(this.#context, options.defaultPools);
    this.#endpoints = new EndpointAddresses(this.#context);
    this.#shared = new SharedAddresses(this.#context);
    this.addressBook = new AddressBook(this.#context);
    this.#takeovers = new Takeovers(this.#context, options.takeoverMs);
    this.#abandonedPools = new AbandonedPools(this.#context, this.#pools, options.takeoverMs);
    this.#reserves = new Reserves(this.#context, { ...NO_RESERVES, ...options.reserves });
  }

  /** Begins to hold addresses in advance, and to give back what is too much. To be called once. */
  start(): void {
    this.#reserves.start();
  }

  /**
   * Creates a reference to a pool. Every request results in a PoolID of its own, a repeated one in the same. Throws
   * INVALID, IN_USE (overlap), EXISTS (the named network has another subnet), EXHAUSTED, STORE_CONFLICT,
   * STORE_UNAVAILABLE.
   */
  async requestPool(
    pool: PoolRequest,
    request: Request = newRequest(),
  ): Promise<{ poolId: string; poolKey: string; subnet: Prefix }> {
    const granted = await this.#pools.request(pool, request);
    const poolKey = formatPoolKey(granted);
    if (isClusterHold(granted)) this.#abandonedPools.noteRequested(poolKey);
    return { poolId: formatPoolId(granted), poolKey, subnet: granted.subnet };
  }

  /** Gives the reference back, with what it alone holds. Idempotent. Throws INVALID and the store's errors. */
  async releasePool(poolId: string): Promise<void> {
    await this.#pools.release(parsePoolId(poolId));
  }

  /** Keys of the pools of the global space with this subnet. Throws the store's errors. */
  async listGlobalPools(subnet: Prefix): Promise<string[]> {
    const pools = listPools((await this.#context.store.list(keys.pools())).entries);
    const found = pools.filter((pool) => pool.space === ADDRESS_SPACES.global && pool.subnet.equals(subnet));
    return found.map(formatPoolKey);
  }

  /**
   * Gives back the cluster's hold on a pool of the global space, unless a network has the pool. Other pools stay as
   * they are.
   */
  async releaseGlobalPool(poolKey: string): Promise<void> {
    const pool = parsePoolKey(poolKey);
    if (pool.space !== ADDRESS_SPACES.global) return;
    await this.#pools.release(clusterHold(pool));
  }

  /** A manager of swarm's has taken over the network with this pool; see takeovers.ts and abandoned-pools.ts. */
  beginTakeover(poolKey: string): void {
    this.#takeovers.begin(poolKey);
    this.#abandonedPools.begin();
  }

  /** This host's holds on pools, except those that the PoolIDs name. Throws the store's errors. */
  async listHoldsExcept(poolIds: readonly string[]): Promise<PoolHold[]> {
    const holds = await listHoldsExcept(this.#context, poolIds);
    return holds.map((pool) => ({
      poolId: formatPoolId(pool),
      hold: pool.reference,
      poolKey: formatPoolKey(pool),
      // Also for a pool of the global space: hosts request it in the local one.
      addressSpace: ADDRESS_SPACES.local,
      subnet: `${pool.subnet}`,
      ...(pool.networkName !== undefined && { networkName: pool.networkName }),
    }));
  }

  /**
   * An address, and the subnet it is in. A gateway without an address is the one the pool has, else the first
   * host address. Throws INVALID, IN_USE naming the holder, EXHAUSTED, NOT_FOUND (the reference is gone),
   * STORE_CONFLICT, STORE_UNAVAILABLE.
   */
  async requestAddress(
    poolId: string,
    { address, purpose, container, isRepeatable = false }: AddressRequest,
    request: Request = newRequest(),
  ): Promise<{ address: IpAddress; subnet: Prefix }> {
    const pool = parsePoolId(poolId);
    const { subnet } = pool;
    if (purpose === 'endpoint') {
      const options = container === undefined ? {} : { container };
      const claimed = address
        ? this.#endpoints.claimExplicit(pool, address, { ...options, isRepeatable }, request)
        : this.#endpoints.claimNext(pool, options, request);
      const given = await claimed;
      if (isClusterHold(pool)) this.#takeovers.confirm(formatPoolKey(pool), given);
      return { address: given, subnet };
    }
    if (address) return { address: await this.#shared.claim(pool, purpose, address), subnet };
    if (purpose === 'gateway') return { address: await this.#shared.claimGateway(pool), subnet };
    throw new XnetError('INVALID', 'an auxiliary address (--aux-address) must be named');
  }

  /**
   * Gives an address back if this reference holds it; else does nothing. One that is bound to an endpoint stays,
   * and the answer names the endpoint. Idempotent.
   */
  async releaseAddress(poolId: string, address: IpAddress): Promise<Released> {
    return releaseAddress(this.#context, parsePoolId(poolId), address);
  }

  describePools(): Promise<PoolDescription[]> {
    return describePools(this.#context.store);
  }

  /** For metrics. `refusals`: commits that failed because another host took the address first. */
  counts(): { claims: number; refusals: number; unfinished: number } {
    return { ...this.#endpoints.counts, unfinished: this.#context.unfinished.size };
  }

  /** Stops watching; what is held stays held. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#takeovers[Symbol.dispose]();
    this.#abandonedPools[Symbol.dispose]();
    await this.#reserves[Symbol.asyncDispose]();
    await this.#context.unfinished[Symbol.asyncDispose]();
    await this.#context.views[Symbol.asyncDispose]();
  }
}
