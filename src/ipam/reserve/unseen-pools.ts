import { type Holder, parseAddressKey, stateOf } from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { formatPoolKey } from '../../model/pool.js';
import type { Entry } from '../../store/store.js';
import { type AddressEntry, findAddress } from '../address-entry.js';
import { findPoolId, type Hold, splitPoolId } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';
import { listHoldsExcept, poolsOf } from '../pools/pool-entries.js';
import { removeOwn } from './reserve-commits.js';

/** Likely pools of one look. */
const POOLS_PER_LOOK = 16;

/** A look comes up to a second before its time (`untilTick`), and is to find the next pool due all the same. */
const EARLY = 0.9;

/** What a host has of pools. */
export interface HostPools {
  /** Docker's PoolIDs, as the host's bindings name them. */
  readonly poolIds: readonly string[];
  /** Pools of the host's networks, and whether an endpoint of the host is in the network. */
  readonly poolKeys: ReadonlyMap<string, boolean>;
}

export interface UnseenPoolsParts {
  /** As in ReservesOptions. */
  readonly isPoolHere: (poolKey: string) => boolean;
  readonly poolsHere: () => Promise<HostPools>;
  /** From one unlikely pool to the next: of a thousand, the last is seen after eight hours, so that each second costs little. */
  readonly seldomMs: number;
}

/**
 * Pools in which this host may have addresses, and which it does not follow. First the likely ones: after a start those in which
 * it has an endpoint, or had an address as last known, also if it has no hold there and no network any more; later those in which an address was released during an outage. Then,
 * after a start, one by one all others that it has a hold on or a network of: a daemon that was killed may have claimed
 * addresses there a moment before, which no container needs.
 */
export class UnseenPools {
  /** Likely ones, by pool key. */
  readonly #likely = new Set<string>();
  readonly #others = new Set<string>();
  /** By pool key: this host's holds that bindings name, as PoolIDs, and the others. */
  #poolIds: ReadonlyMap<string, readonly string[]> = new Map();
  #otherHolds: ReadonlyMap<string, readonly Hold[]> = new Map();
  #isListed = false;
  #nextOtherMs = 0;

  constructor(
    private readonly context: IpamContext,
    private readonly parts: UnseenPoolsParts,
  ) {}

  /**
   * Opens the views of those of the next pools in which this host has addresses. Resolves to whether all likely pools have been
   * looked at. Throws the store's errors.
   */
  async openSome(): Promise<boolean> {
    await this.#list();
    for (const poolKey of [...this.#likely].slice(0, POOLS_PER_LOOK)) {
      await this.#open(poolKey);
      this.#likely.delete(poolKey);
    }
    if (this.#likely.size > 0) return false;
    if (performance.now() >= this.#nextOtherMs) await this.#openOther();
    return true;
  }

  async #list(): Promise<void> {
    const { rests } = this.context;
    if (this.#isListed && !rests.hasKept) return;
    const { poolIds, poolKeys } = await this.parts.poolsHere();
    this.#poolIds = grouped(poolIds, (poolId) => splitPoolId(poolId).poolKey);
    this.#otherHolds = grouped(await listHoldsExcept(this.context, poolIds), ({ poolKey }) => poolKey);
    for (const poolKey of rests.takeKept()) this.#likely.add(poolKey);
    if (this.#isListed) return;
    const known = this.#recallPools();
    for (const poolKey of known) this.#likely.add(poolKey);
    for (const poolKey of new Set([...this.#poolIds.keys(), ...this.#otherHolds.keys(), ...poolKeys.keys()]))
      if (!known.has(poolKey)) (poolKeys.get(poolKey) ? this.#likely : this.#others).add(poolKey);
    this.#isListed = true;
  }

  /** Those of the cluster's pools in which an earlier run of this host knew an address of its own. The store is not asked. */
  #recallPools(): ReadonlySet<string> {
    const { store, host } = this.context;
    const isOwnIn = (poolKey: string) =>
      store.recall(keys.addressesOf(poolKey))?.some((entry) => findOwn(entry, host) !== undefined);
    const pools = poolsOf(store.recall(keys.pools()) ?? []).map(formatPoolKey);
    return new Set(pools.filter(isOwnIn));
  }

  async #openOther(): Promise<void> {
    const [poolKey] = this.#others;
    if (poolKey === undefined) return;
    await this.#open(poolKey);
    this.#others.delete(poolKey);
    this.#nextOtherMs = performance.now() + EARLY * this.parts.seldomMs;
  }

  /** And frees what is in reserve for no hold and no network of this host. */
  async #open(poolKey: string): Promise<void> {
    const { store, views, host } = this.context;
    const { entries } = await store.list(keys.addressesOf(poolKey), { once: true });
    const own = entries.flatMap((entry) => findOwn(entry, host) ?? []);
    const held = new Set(own.flatMap(({ record }) => record.references));
    for (const hold of this.#holdsOn(poolKey)) if (held.has(hold.id)) await views.open(hold);
    if (own.some((each) => this.#isByDocker(each))) views.beginByDocker(poolKey);
    const view = views.find(poolKey);
    const isUnused = (each: AddressEntry) =>
      !this.#isByDocker(each) && !each.record.references.some((holdId) => view?.holds.has(holdId));
    await removeOwn(
      this.context,
      own.filter((each) => stateOf(each.record) === 'reserved' && isUnused(each)),
    );
  }

  #holdsOn(poolKey: string): Hold[] {
    const named = this.#poolIds.get(poolKey) ?? [];
    return [...named.flatMap((poolId) => findPoolId(poolId) ?? []), ...(this.#otherHolds.get(poolKey) ?? [])];
  }

  #isByDocker({ key, record }: AddressEntry): boolean {
    return record.references.length === 0 && this.parts.isPoolHere(parseAddressKey(key)?.poolKey ?? '');
  }
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}

/** An address that the host holds. */
export function findOwn(entry: Entry, { hostId }: Holder): AddressEntry | undefined {
  const found = findAddress(entry);
  return found?.record.hostId === hostId && stateOf(found.record) !== 'resting' ? found : undefined;
}
