/**
 * src/ipam: pools and addresses for the whole cluster: what Docker's IpamDriver calls mean. Not in here: networks and
 * containers, of which it knows ids alone.
 *
 * Guarantee: no two endpoints have one address at the same time, on any hosts, whatever fails. An address is one key of
 * the store, which is written only when it is absent, resting, or the writer's own. There are no locks.
 */
import type { IpAddress } from '../inet/ip-address.js';
import type { Prefix } from '../inet/prefix.js';
import { ADDRESS_SPACES, formatPoolKey, type PoolHold, parsePoolKey } from '../model/pool.js';
import { AddressBook } from './addresses/address-book.js';
import { Addresses, type AddressRequest } from './addresses/addresses.js';
import { type Released, releaseAddress } from './addresses/release-address.js';
import {
  clusterHold,
  formatPoolId,
  type Hold,
  holdOn,
  newRequest,
  parsePoolId,
  type Request,
} from './hold.js';
import { IpamContext, type IpamContextOptions } from './ipam-context.js';
import { LanDevices } from './lan/lan-devices.js';
import { describePools, type PoolDescription } from './pools/describe-pools.js';
import type { DefaultPool, PoolRequest } from './pools/plan-pool.js';
import { listHoldsExcept, listPools } from './pools/pool-entries.js';
import { Pools } from './pools/pools.js';
import { Reserves, type ReservesOptions } from './reserve/reserves.js';
import { Takeovers } from './takeovers.js';

export interface IpamOptions extends IpamContextOptions {
  /** Where subnets come from when the user names none; the first with a free subnet serves. */
  readonly defaultPools: readonly DefaultPool[];
  /** How long a manager of swarm's may take to request again what it knows to be assigned. Default TAKEOVER_MS. */
  readonly takeoverMs?: number;
  /** What is held in advance; see reserves.ts. Default: nothing, looked at every second. */
  readonly reserves?: Partial<ReservesOptions>;
}

export class Ipam implements AsyncDisposable {
  /** For the network driver: addresses as parts of its own commits. */
  readonly addressBook: AddressBook;
  readonly #context: IpamContext;
  readonly #pools: Pools;
  readonly #addresses: Addresses;
  readonly #devices: LanDevices;
  readonly #reserves: Reserves;
  readonly #takeovers: Takeovers;

  constructor(options: IpamOptions) {
    this.#context = new IpamContext(options);
    this.#pools = new Pools(this.#context, options.defaultPools);
    this.#devices = new LanDevices(this.#context);
    this.#reserves = new Reserves(this.#context, this.#devices, options.reserves);
    this.#addresses = new Addresses(this.#context, this.#reserves, this.#devices);
    this.addressBook = new AddressBook(this.#context, this.#reserves, this.#devices);
    this.#takeovers = new Takeovers(this.#context, this.#pools, options.takeoverMs);
  }

  /** Begins to hold addresses in advance, and to give back what is too much. To be called once. */
  start(): void {
    this.#reserves.start();
  }

  /**
   * Creates a hold on a pool. Every request results in a PoolID of its own, a repeated one in the same. Throws INVALID,
   * IN_USE (overlap), EXISTS (the named network has another subnet), EXHAUSTED, STORE_CONFLICT, STORE_UNAVAILABLE.
   */
  async requestPool(pool: PoolRequest, request: Request = newRequest()): Promise<PoolHold> {
    const hold = await this.#pools.request(pool, request);
    this.#takeovers.notePool(hold);
    return describeHold(hold);
  }

  /** Gives the hold back, with what it alone has. Idempotent. Throws INVALID and the store's errors. */
  async releasePool(poolId: string): Promise<void> {
    await this.#pools.release(parsePoolId(poolId));
  }

  /** As `releasePool`, for a hold by what its record has. */
  async releaseHold({ poolKey, reference }: { poolKey: string; reference: string }): Promise<void> {
    await this.#pools.release(holdOn(parsePoolKey(poolKey), reference));
  }

  /** Keys of the pools of the global space with this subnet. Throws the store's errors. */
  async listGlobalPools(subnet: Prefix): Promise<string[]> {
    const pools = await listPools(this.#context.store);
    const found = pools.filter((pool) => pool.space === ADDRESS_SPACES.global && pool.subnet.equals(subnet));
    return found.map(formatPoolKey);
  }

  /**
   * Gives back the cluster's hold on a pool of the global space, unless a network has the pool. Other pools stay as
   * they are.
   */
  async releaseGlobalPool(poolKey: string): Promise<void> {
    const pool = parsePoolKey(poolKey);
    if (pool.space === ADDRESS_SPACES.global) await this.#pools.release(clusterHold(pool));
  }

  /** A manager of swarm's has taken over the network with this pool; see takeovers.ts. */
  beginTakeover(poolKey: string): void {
    this.#takeovers.begin(poolKey);
  }

  /** This host's holds on pools, except those that the PoolIDs name. Throws the store's errors. */
  async listHoldsExcept(poolIds: readonly string[]): Promise<PoolHold[]> {
    return (await listHoldsExcept(this.#context, poolIds)).map(describeHold);
  }

  /** An address, and the subnet it is in. Throws as Addresses.request. */
  async requestAddress(
    poolId: string,
    wanted: AddressRequest,
    request: Request = newRequest(),
  ): Promise<{ address: IpAddress; subnet: Prefix }> {
    const hold = parsePoolId(poolId);
    const address = await this.#addresses.request(hold, wanted, request);
    this.#takeovers.noteAddress(hold, address);
    return { address, subnet: hold.subnet };
  }

  /**
   * Gives an address back if this hold has it; else does nothing. One that is bound to an endpoint stays, and the
   * answer names the endpoint. Idempotent.
   */
  async releaseAddress(poolId: string, address: IpAddress): Promise<Released> {
    return releaseAddress(this.#context, parsePoolId(poolId), address);
  }

  /** As LanDevices.lookAgain. */
  async lookAgainAtLans(): Promise<void> {
    await this.#devices.lookAgain();
  }

  describePools(): Promise<PoolDescription[]> {
    return describePools(this.#context.store);
  }

  /** For metrics. `refusals`: commits that failed because another host took the address first. */
  counts(): { claims: number; refusals: number; unfinished: number } {
    return { ...this.#addresses.counts, unfinished: this.#context.unfinished.size };
  }

  /** Stops watching; what is held stays held. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#takeovers[Symbol.dispose]();
    await this.#reserves[Symbol.asyncDispose]();
    await this.#context[Symbol.asyncDispose]();
  }
}

function describeHold(hold: Hold): PoolHold {
  const { id, poolKey, isOfCluster, subnet, networkName } = hold;
  return {
    poolId: formatPoolId(hold),
    hold: id,
    poolKey,
    // Hosts request also a pool of the global space in the local one.
    addressSpace: isOfCluster ? ADDRESS_SPACES.global : ADDRESS_SPACES.local,
    subnet: `${subnet}`,
    ...(networkName !== undefined && { networkName }),
  };
}
