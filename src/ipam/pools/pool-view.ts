import { type Family, IpAddress } from '../../inet/ip-address.js';
import { type AddressRecord, addressRecord, parseAddressKey, stateOf } from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { parsePoolKey } from '../../model/pool.js';
import type { Replica } from '../../replica/replica.js';
import type { Known, View, ViewChanges } from '../../replica/view.js';
import type { Revision } from '../../store/store.js';
import type { Hold } from '../hold.js';
import { readyInTime } from './ready-in-time.js';
import { Stock } from './stock.js';

const WIDEST_SPREAD = 64;

export interface KnownAddress extends Known<AddressRecord> {
  readonly address: bigint;
}

/** One pool as this host sees it, until it is disposed of. */
export class PoolView implements AsyncDisposable {
  /** By their numbers. One whose record cannot be read counts as taken. */
  readonly addresses: ReadonlyMap<bigint, KnownAddress>;
  /** Chosen by a request of this process whose commit is not answered yet. */
  readonly inFlight = new Set<bigint>();
  /** Devices on the LAN have these, which is not recorded: the store has not taken it yet, or another host has the address in reserve. */
  readonly devices = new Set<bigint>();
  /** Of this host's reserve. */
  readonly stock = new Stock(this);
  /** Holds of this host that are in use here, by their ids. */
  readonly holds = new Map<string, Hold>();
  /** Docker's own IPAM hands out addresses of the pool on this host: the lowest that it thinks free. */
  byDocker = false;
  /** How many free addresses a choice may skip at random; above 0 while other hosts choose the same ones. */
  spread = 0;
  /** It has changed since this was last set to false. */
  isTouched = true;
  readonly poolKey: string;
  readonly #store: Replica;
  readonly #family: Family;
  readonly #view: View<AddressRecord>;
  readonly #known = new Map<bigint, KnownAddress>();
  #latest: { readonly address: bigint; readonly revision: Revision } | undefined;

  /** `onTouched` is called at each change. */
  constructor(
    store: Replica,
    poolKey: string,
    private readonly onTouched: () => void = () => undefined,
  ) {
    this.#store = store;
    this.poolKey = poolKey;
    this.#family = parsePoolKey(poolKey).subnet.family;
    this.addresses = this.#known;
    this.#view = store.follow(keys.addressesOf(poolKey), addressRecord);
    this.#view.onChange((changes) => this.#take(changes));
  }

  /** Resolves once the pool's addresses are known. Throws STORE_UNAVAILABLE when that takes too long. */
  async ready(): Promise<void> {
    if (this.#view.isReady) return;
    await readyInTime(this.#view, `the addresses of pool ${this.poolKey}`, this.#store);
  }

  /** What is known for certain of an address: undefined also after a commit of unknown outcome. */
  findCertain({ value }: IpAddress): KnownAddress | undefined {
    return this.isCertain(value) ? this.addresses.get(value) : undefined;
  }

  /** False after a commit of unknown outcome, until a change of the address is known. */
  isCertain(address: bigint): boolean {
    return this.#view.isCertain(keys.address(this.poolKey, `${IpAddress.of(this.#family, address)}`));
  }

  /** The address that automatic choice handed out last, on any host. */
  get lastHandedOut(): bigint | undefined {
    return this.#latest?.address;
  }

  /** Nobody is known to have the address, and no request has chosen it. */
  isFree(address: bigint): boolean {
    return !this.addresses.has(address) && !this.inFlight.has(address) && !this.devices.has(address);
  }

  /** Reads the pool anew: afterwards every commit acknowledged before the call is known. Throws the store's errors. */
  refresh(): Promise<void> {
    return this.#view.refresh();
  }

  /** Until `work` is done, nobody else of this process chooses the addresses. */
  async whileInFlight<T>(addresses: readonly bigint[], work: () => Promise<T>): Promise<T> {
    for (const address of addresses) this.inFlight.add(address);
    try {
      return await work();
    } finally {
      for (const address of addresses) this.inFlight.delete(address);
    }
  }

  touch(): void {
    this.isTouched = true;
    this.onTouched();
  }

  noteRefusal(): void {
    this.spread = Math.min(WIDEST_SPREAD, Math.max(4, this.spread * 2));
  }

  noteSuccess(): void {
    this.spread = Math.max(0, this.spread - 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#view[Symbol.asyncDispose]();
  }

  #take(changes: ViewChanges<AddressRecord>): void {
    for (const [key, { before, now }] of changes) {
      const address = this.#addressUnder(key);
      if (address === undefined) continue;
      if (!now) this.#known.delete(address);
      else {
        this.#known.set(address, { ...now, address });
        // An address is written again when it is bound to its endpoint; only a new claim, or its reservation, hands it out.
        const isNew = !before || isReserved(before.record);
        const revision = isNew ? now.createRevision : now.revision;
        if (isHandedOut(now.record, before?.record) && revision > (this.#latest?.revision ?? 0))
          this.#latest = { address, revision };
      }
    }
    // What a watch brings of this host's own commits is known already.
    if (changes.size > 0) this.touch();
  }

  /** undefined: not as xnet writes an address of this pool. It would be taken for the one of the same number. */
  #addressUnder(key: string): bigint | undefined {
    const text = parseAddressKey(key)?.address;
    const address = text === undefined ? undefined : IpAddress.parse(text);
    const isOwn = address?.family === this.#family && (this.#family === 4 || `${address}` === text);
    return isOwn ? address.value : undefined;
  }
}

function isHandedOut(record: AddressRecord | undefined, before: AddressRecord | undefined): boolean {
  const state = record && stateOf(record);
  if ((state !== 'claimed' && state !== 'bound') || record?.explicit) return false;
  return record?.claim !== before?.claim || isReserved(before);
}

function isReserved(record: AddressRecord | undefined): boolean {
  return record !== undefined && stateOf(record) === 'reserved';
}
