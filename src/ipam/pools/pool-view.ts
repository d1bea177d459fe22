import { withDeadline } from '../../concurrency/deadline.js';
import { isXnetError, XnetError } from '../../errors.js';
import type { IpAddress } from '../../inet/ip-address.js';
import { type AddressRecord, addressRecord } from '../../model/address.js';
import { keys } from '../../model/keys.js';
import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';
import type { PoolReference } from '../pool-id.js';
import { type KnownAddress, KnownAddresses } from './known-addresses.js';

const FIRST_SNAPSHOT_MS = 4_500;
const WIDEST_SPREAD = 64;

/** One pool as this host sees it, until it is disposed of. */
export class PoolView implements AsyncDisposable {
  readonly addresses: KnownAddresses;
  /** Chosen by a request of this process whose commit is not answered yet. */
  readonly inFlight = new Set<bigint>();
  /** Pool references of this host that are in use here, by their names. */
  readonly references = new Map<string, PoolReference>();
  /** Docker's own IPAM hands out addresses of the pool on this host: the lowest that it thinks free. */
  byDocker = false;
  /** How many free addresses a choice may skip at random; above 0 while other hosts choose the same ones. */
  spread = 0;
  readonly poolKey: string;
  readonly #store: Replica;
  readonly #view: View<AddressRecord>;

  constructor(store: Replica, poolKey: string) {
    this.#store = store;
    this.poolKey = poolKey;
    this.#view = store.follow(keys.addressesOf(poolKey), addressRecord);
    this.addresses = new KnownAddresses(this.#view);
  }

  /** Resolves once the pool's addresses are known. Throws STORE_UNAVAILABLE when that takes too long. */
  async ready(): Promise<void> {
    try {
      await withDeadline(this.#view.ready, FIRST_SNAPSHOT_MS, `reading pool ${this.poolKey}`);
    } catch (error: unknown) {
      if (!isXnetError(error, 'TIMEOUT')) throw error;
      throw new XnetError(
        'STORE_UNAVAILABLE',
        `the store (${this.#store.description}) did not tell the addresses of pool ${this.poolKey} in time`,
      );
    }
  }

  /** What is known for certain of an address: undefined also after a commit of unknown outcome. */
  findCertain(address: IpAddress): KnownAddress | undefined {
    const isCertain = this.#view.isCertain(keys.address(this.poolKey, `${address}`));
    return isCertain ? this.addresses.get(address.value) : undefined;
  }

  /** Reads the pool anew: afterwards every commit acknowledged before the call is known. Throws the store's errors. */
  refresh(): Promise<void> {
    return this.#view.refresh();
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
}
