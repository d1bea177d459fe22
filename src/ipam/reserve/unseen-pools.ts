import { type Holder, parseAddressKey, stateOf } from '../../model/address.js';
import { type BindingRecord, bindingRecord } from '../../model/binding.js';
import { keys } from '../../model/keys.js';
import { networkRecord } from '../../model/network.js';
import { formatPoolKey } from '../../model/pool.js';
import { findRecord } from '../../model/record.js';
import type { Entry } from '../../store/store.js';
import { type AddressEntry, findAddress } from '../address-entry.js';
import { findPoolId, type Hold } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';
import { listHoldsExcept, poolsOf } from '../pools/pool-entries.js';
import { removeOwn } from './reserve-commits.js';

/** Pools of one look. A host that has all networks of a large cluster reads them over a minute, and keeps of most nothing. */
const POOLS_PER_LOOK = 16;

/**
 * Pools in which this host may have addresses, and which it does not follow: after a start all that it has a hold on or a
 * network of, or in which it was last known to have an address; then those in which an address was released during an outage.
 */
export class UnseenPools {
  /** By pool key, with this host's holds on each. */
  readonly #left = new Map<string, readonly Hold[]>();
  #isListed = false;

  constructor(
    private readonly context: IpamContext,
    /** As in ReservesOptions. */
    private readonly isPoolHere: (poolKey: string) => boolean,
  ) {}

  /** Opens the views of those of the next pools in which this host has addresses. Throws the store's errors. */
  async openSome(): Promise<void> {
    await this.#list();
    for (const [poolKey, holds] of [...this.#left].slice(0, POOLS_PER_LOOK)) {
      await this.#open(poolKey, holds);
      this.#left.delete(poolKey);
    }
  }

  async #list(): Promise<void> {
    const { rests } = this.context;
    if (this.#isListed && !rests.hasKept) return;
    const bindings = await this.#listBindings();
    const holds = await this.#listHolds(bindings);
    const pools = this.#isListed ? [] : [...(await this.#listPools(bindings)), ...this.#recallPools()];
    const held = this.#isListed ? [] : holds.map(({ poolKey }) => poolKey);
    for (const poolKey of new Set([...rests.takeKept(), ...held, ...pools]))
      this.#left.set(
        poolKey,
        holds.filter((hold) => hold.poolKey === poolKey),
      );
    this.#isListed = true;
  }

  /** And frees what is in reserve for no hold and no network of this host. */
  async #open(poolKey: string, holds: readonly Hold[]): Promise<void> {
    const { store, views, host } = this.context;
    const { entries } = await store.list(keys.addressesOf(poolKey), { once: true });
    const own = entries.flatMap((entry) => findOwn(entry, host) ?? []);
    const held = new Set(own.flatMap(({ record }) => record.references));
    for (const hold of holds) if (held.has(hold.id)) await views.open(hold);
    if (own.some((each) => this.#isByDocker(each))) views.beginByDocker(poolKey);
    const view = views.find(poolKey);
    const isUnused = (each: AddressEntry) =>
      !this.#isByDocker(each) && !each.record.references.some((holdId) => view?.holds.has(holdId));
    await removeOwn(
      this.context,
      own.filter((each) => stateOf(each.record) === 'reserved' && isUnused(each)),
    );
  }

  #isByDocker({ key, record }: AddressEntry): boolean {
    return record.references.length === 0 && this.isPoolHere(parseAddressKey(key)?.poolKey ?? '');
  }

  async #listBindings(): Promise<BindingRecord[]> {
    const { store, host } = this.context;
    const { entries } = await store.list(keys.bindingsOfHost(host.hostId));
    return entries.flatMap((entry) => findRecord(bindingRecord, entry) ?? []);
  }

  /** Of a pool that serves another driver's network the range is not known. */
  async #listHolds(bindings: readonly BindingRecord[]): Promise<Hold[]> {
    const poolIds = bindings.flatMap((binding) => binding.poolIds ?? []);
    return [
      ...poolIds.flatMap((poolId) => findPoolId(poolId) ?? []),
      ...(await listHoldsExcept(this.context, poolIds)),
    ];
  }

  /** Of this host's networks. */
  async #listPools(bindings: readonly BindingRecord[]): Promise<string[]> {
    const bound = new Set(bindings.map(({ networkId }) => networkId));
    const { entries } = await this.context.store.list(keys.networks());
    const networks = entries.flatMap((entry) => findRecord(networkRecord, entry) ?? []);
    return networks
      .filter(({ id }) => bound.has(id))
      .flatMap(({ pools }) => pools.map(({ poolKey }) => poolKey));
  }

  /** Those of the cluster's pools in which an earlier run of this host knew an address of its own. The store is not asked. */
  #recallPools(): string[] {
    const { store, host } = this.context;
    const isOwnIn = (poolKey: string) =>
      store.recall(keys.addressesOf(poolKey))?.some((entry) => findOwn(entry, host) !== undefined);
    return poolsOf(store.recall(keys.pools()) ?? [])
      .map(formatPoolKey)
      .filter(isOwnIn);
  }
}

/** An address that the host holds. */
export function findOwn(entry: Entry, { hostId }: Holder): AddressEntry | undefined {
  const found = findAddress(entry);
  return found?.record.hostId === hostId && stateOf(found.record) !== 'resting' ? found : undefined;
}
