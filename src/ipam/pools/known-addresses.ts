import { IpAddress } from '../../inet/ip-address.js';
import { type AddressRecord, parseAddressKey, stateOf } from '../../model/address.js';
import type { Known, View, ViewChanges } from '../../replica/view.js';
import type { Revision } from '../../store/store.js';

export interface KnownAddress extends Known<AddressRecord> {
  readonly address: bigint;
}

/** The addresses of a pool as this host knows them, by their numbers. One whose record cannot be read counts as taken. */
export class KnownAddresses {
  readonly #known = new Map<bigint, KnownAddress>();
  #latest: { readonly address: bigint; readonly revision: Revision } | undefined;

  /** `view`: all addresses of the pool. */
  constructor(view: View<AddressRecord>) {
    view.onChange((changes) => this.#take(changes));
  }

  get(address: bigint): KnownAddress | undefined {
    return this.#known.get(address);
  }

  has(address: bigint): boolean {
    return this.#known.has(address);
  }

  all(): Iterable<KnownAddress> {
    return this.#known.values();
  }

  /** The address that automatic choice handed out last, on any host. */
  get lastHandedOut(): bigint | undefined {
    return this.#latest?.address;
  }

  #take(changes: ViewChanges<AddressRecord>): void {
    for (const [key, { before, now }] of changes) {
      const address = IpAddress.parse(parseAddressKey(key)?.address ?? '').value;
      if (!now) this.#known.delete(address);
      else {
        this.#known.set(address, { ...now, address });
        this.#noteHandedOut(address, before, now);
      }
    }
  }

  #noteHandedOut(
    address: bigint,
    before: Known<AddressRecord> | undefined,
    { record, revision, createRevision }: Known<AddressRecord>,
  ): void {
    // An address is written again when it is bound to its endpoint; only a new claim hands it out.
    const handedOut = before ? revision : createRevision;
    if (isHandedOut(record, before?.record) && handedOut > (this.#latest?.revision ?? 0))
      this.#latest = { address, revision: handedOut };
  }
}

function isHandedOut(record: AddressRecord | undefined, before: AddressRecord | undefined): boolean {
  const state = record && stateOf(record);
  if ((state !== 'claimed' && state !== 'bound') || record?.explicit) return false;
  return record?.claim !== before?.claim;
}
