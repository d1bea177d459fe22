/**
 * What this host knows of a pool's addresses: fed by a watch, by lists, and by the outcome of its own commits,
 * in whatever order these arrive. What is known of an address never goes back to an earlier revision, unless the
 * store did.
 */
import { IpAddress } from '../../inet/ip-address.js';
import { parseAddressKey } from '../../store/keys.js';
import { type AddressRecord, addressRecord, findRecord } from '../../store/records.js';
import type { Change, Entry, Revision, Snapshot, Write } from '../../store/store.js';

export interface KnownAddress {
  readonly address: bigint;
  readonly revision: Revision;
  /** undefined: a record that this xnet cannot read. The address is taken. */
  readonly record: AddressRecord | undefined;
}

export class KnownAddresses {
  readonly #poolKey: string;
  readonly #known = new Map<bigint, KnownAddress>();
  /** Those of the known ones that this xnet cannot read. */
  readonly #unreadable = new Map<bigint, Entry>();
  /** Addresses known to be free since a revision that the watch has not reached. */
  readonly #freed = new Map<bigint, Revision>();
  /** Everything up to this revision is known. */
  #complete: Revision = 0;
  /** The highest revision of which anything is known. */
  #newest: Revision = 0;
  #latest: { readonly address: bigint; readonly revision: Revision } | undefined;

  constructor(poolKey: string) {
    this.#poolKey = poolKey;
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

  get unreadable(): Iterable<Entry> {
    return this.#unreadable.values();
  }

  /** The address handed out last by automatic choice, on whatever host. */
  get lastHandedOut(): bigint | undefined {
    return this.#latest?.address;
  }

  /** A list that is begun now comes out at this revision or a later one, unless the store was put back to a backup. */
  get newest(): Revision {
    return this.#newest;
  }

  /** Nothing is known any more. */
  forget(): void {
    this.#known.clear();
    this.#unreadable.clear();
    this.#freed.clear();
    this.#complete = 0;
    this.#newest = 0;
    this.#latest = undefined;
  }

  /** Takes in all addresses as they stood at one revision. */
  replace({ revision, entries }: Snapshot): void {
    if (revision < this.#complete) return;
    for (const entry of entries) this.learn(entry);
    const present = new Set(entries.map(({ key }) => this.#parse(key)));
    for (const known of this.#known.values()) {
      if (!present.has(known.address) && known.revision <= revision) this.#drop(known.address);
    }
    this.#completeUpTo(revision);
  }

  /** Takes in what a watch saw; changes come in the order of their revisions. */
  follow(changes: readonly Change[]): void {
    for (const change of changes) {
      const revision = change.type === 'put' ? change.entry.revision : change.revision;
      if (change.type === 'put') this.learn(change.entry);
      else this.learnAbsent(change.key, revision);
      // Others of the same revision may be in the next batch.
      this.#completeUpTo(revision - 1);
    }
  }

  /** Takes in what a commit made at `revision` has written. */
  note(writes: readonly Write[], revision: Revision): void {
    for (const write of writes) {
      if ('put' in write) {
        const createRevision = revision;
        this.learn({ key: write.put, value: write.value, revision, createRevision });
      } else if ('remove' in write) this.learnAbsent(write.remove, revision);
    }
  }

  /** Takes in one entry. */
  learn(entry: Entry): void {
    const address = this.#parse(entry.key);
    if (address === undefined || this.#isPast(address, entry.revision)) return;
    const before = this.#known.get(address);
    this.#newest = Math.max(this.#newest, entry.revision);
    const known = { address, revision: entry.revision, record: findRecord(addressRecord, entry) };
    this.#known.set(address, known);
    if (known.record) this.#unreadable.delete(address);
    else this.#unreadable.set(address, entry);
    this.#freed.delete(address);
    // Binding an address to its endpoint writes it again; the claim says when it was handed out.
    const handedOut = before ? entry.revision : entry.createRevision;
    if (isHandedOut(known.record, before?.record) && handedOut > (this.#latest?.revision ?? 0)) {
      this.#latest = { address, revision: handedOut };
    }
  }

  /** Takes in that there was no entry under `key` at `revision`. */
  learnAbsent(key: string, revision: Revision): void {
    const address = this.#parse(key);
    if (address === undefined || this.#isPast(address, revision)) return;
    this.#newest = Math.max(this.#newest, revision);
    this.#drop(address);
    this.#freed.set(address, revision);
  }

  #drop(address: bigint): void {
    this.#known.delete(address);
    this.#unreadable.delete(address);
  }

  #isPast(address: bigint, revision: Revision): boolean {
    const latest = this.#known.get(address)?.revision ?? this.#freed.get(address) ?? 0;
    return revision <= Math.max(latest, this.#complete);
  }

  #completeUpTo(revision: Revision): void {
    if (revision <= this.#complete) return;
    this.#complete = revision;
    this.#newest = Math.max(this.#newest, revision);
    for (const [address, freed] of this.#freed) if (freed <= revision) this.#freed.delete(address);
  }

  #parse(key: string): bigint | undefined {
    const parsed = parseAddressKey(key);
    return parsed?.poolKey === this.#poolKey ? IpAddress.parse(parsed.address).value : undefined;
  }
}

function isHandedOut(record: AddressRecord | undefined, before: AddressRecord | undefined): boolean {
  if (record?.state !== 'claimed' || record.purpose !== 'endpoint') return false;
  if (record.explicit || record.reserve) return false;
  return record.claim !== before?.claim;
}
