/**
 * Addresses that this host holds in advance, so that containers can be started while the store is away.
 *
 * Every pool that this host has had a container in since its Docker network was made has a reserve, sized by
 * reserve-plan.ts. It is filled and given back here, in the background, and used by nobody while the store answers (but
 * when nothing else is free). An address that is released while the store is away joins the reserve instead of resting:
 * nobody else can have it, and this host can give it again. Back again, what is too much is put to rest.
 */
import { Sweep } from '../concurrency/sweep.js';
import { isXnetError } from '../errors.js';
import { IpAddress } from '../inet/ip-address.js';
import { keys } from '../store/keys.js';
import {
  type AddressRecord,
  addressRecord,
  bindingRecord,
  findRecord,
  formatRecord,
} from '../store/records.js';
import type { Condition, Entry, Write } from '../store/store.js';
import type { IpamContext } from './ipam-context.js';
import { type PoolReference, parsePoolId } from './pool-id.js';
import { formatPoolKey } from './pool-name.js';
import type { PoolView } from './pool-view.js';
import { chooseForReserve, planReserve, reservedBy, reserveSize, surveyPool } from './reserve-plan.js';
import { reserveRecord } from './reserve-record.js';
import { automaticSpan } from './subnet-rules.js';
import { listUnnamedHolds } from './unnamed-holds.js';
import { followWishes } from './wishes.js';

export interface ReservesOptions {
  /** Addresses of each pool; 0: none is held in advance, and one released while the store is away only until it is back. */
  readonly size: number;
  /** Between two looks. */
  readonly lookMs: number;
  readonly onFailure: (error: unknown) => void;
}

/** An address of this host's, as it was read. */
interface Own {
  readonly key: string;
  readonly revision: number;
  readonly record: AddressRecord;
}

/** Below the number of operations that a store takes in one commit. */
const BATCH = 100;

export class Reserves implements AsyncDisposable {
  readonly #context: IpamContext;
  readonly #options: ReservesOptions;
  readonly #sweep: Sweep;
  readonly #closing = new AbortController();
  /** Keys of addresses that somebody asks for. */
  readonly #wished = new Set<string>();
  #following: Promise<void> = Promise.resolve();
  /** There may be addresses of this host that no view shows: a daemon before this one, or a time away, has left them. */
  #mayBeUnseen = true;

  constructor(context: IpamContext, options: ReservesOptions) {
    this.#context = context;
    this.#options = options;
    const { lookMs, onFailure } = options;
    this.#sweep = new Sweep({ look: () => this.#look(), retryMs: lookMs, onFailure });
  }

  start(): void {
    this.#sweep.start();
    const onWish = (addressKey: string) => {
      this.#wished.add(addressKey);
      this.#sweep.hint();
    };
    this.#following = followWishes(this.#context.store, onWish, this.#closing.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#following;
    await this.#sweep[Symbol.asyncDispose]();
  }

  async #look(): Promise<number> {
    const { store, views, rests } = this.#context;
    if (rests.takeKept() || store.away) this.#mayBeUnseen = true;
    if (store.away) return this.#options.lookMs;
    await this.#grantWishes();
    if (this.#mayBeUnseen) {
      await this.#takeStock();
      this.#mayBeUnseen = false;
    }
    for (const view of views.all()) {
      await view.ready();
      for (const pool of view.references.values()) await this.#adjust(view, pool);
    }
    return this.#options.lookMs;
  }

  /** Gives up what is asked for of this host's reserve: free at once, since no container has had it lately. */
  async #grantWishes(): Promise<void> {
    const { store, host, views } = this.#context;
    for (const key of this.#wished) {
      this.#wished.delete(key);
      const entry = await store.get(key);
      const own = entry && ownAddress(entry, host.id);
      if (own?.record.reserve) {
        await views.commit([{ key, is: 'at', revision: own.revision }], [{ remove: key }]);
      }
    }
  }

  /** Opens the views of the pools that this host has addresses in, and gives back what belongs to none. */
  async #takeStock(): Promise<void> {
    const { store, host, views } = this.#context;
    const own = (await store.list(keys.addresses())).entries.flatMap(
      (entry) => ownAddress(entry, host.id) ?? [],
    );
    const held = new Set(own.flatMap(({ record }) => record.references));
    for (const pool of await this.#listHolds()) if (held.has(pool.reference)) await views.open(pool);
    const open = new Set(views.all().flatMap(({ references }) => [...references.keys()]));
    const isLoose = ({ references }: AddressRecord) => !references.some((reference) => open.has(reference));
    await this.#giveBack(own.filter(({ record }) => record.reserve && isLoose(record)));
  }

  /** This host's references to pools. Of a pool that serves another driver's network the range is not known. */
  async #listHolds(): Promise<PoolReference[]> {
    const { store, host } = this.#context;
    const { entries } = await store.list(keys.bindings());
    const bindings = entries.flatMap((entry) => findRecord(bindingRecord, entry) ?? []);
    const poolIds = bindings.flatMap(({ hostId, poolIds = [] }) => (hostId === host.id ? poolIds : []));
    return [...poolIds.map(parsePoolId), ...(await listUnnamedHolds(this.#context, poolIds))];
  }

  async #adjust(view: PoolView, pool: PoolReference): Promise<void> {
    const span = automaticSpan(pool.subnet, pool.range);
    const reserved = reservedBy(this.#context.host.id, view.addresses.all());
    const own = reserved.flatMap(({ address, revision, record }) =>
      record?.references.includes(pool.reference) ? { key: keyOf(pool, address), revision, record } : [],
    );
    const share = reserveSize(this.#options.size, surveyPool(view.addresses.all(), span));
    const { missing, surplus } = planReserve(this.#options.size, share, own);
    if (missing > 0) await this.#fill(view, pool, missing);
    await this.#giveBack(surplus);
  }

  /** One commit. When another host was faster with one of the addresses, the next look chooses others. */
  async #fill({ addresses, inFlight }: PoolView, pool: PoolReference, count: number): Promise<void> {
    const { views, host } = this.#context;
    const span = automaticSpan(pool.subnet, pool.range);
    const isTaken = (address: bigint) => addresses.has(address) || inFlight.has(address);
    const chosen = chooseForReserve(span, isTaken, count, Math.random());
    const referenceKey = keys.poolReference(formatPoolKey(pool), host.id, pool.reference);
    const free = chosen.map((address): Condition => ({ key: keyOf(pool, address), is: 'absent' }));
    const writes = chosen.map((address): Write => {
      const record = reserveRecord({ hostId: host.id, hostName: host.name }, [pool.reference]);
      return { put: keyOf(pool, address), value: formatRecord(record) };
    });
    for (const address of chosen) inFlight.add(address);
    try {
      const result = await views.commit([{ key: referenceKey, is: 'present' }, ...free], writes);
      const isGone = !result.committed && !result.found.some(({ key }) => key === referenceKey);
      if (isGone) await views.close(pool);
    } finally {
      for (const address of chosen) inFlight.delete(address);
    }
  }

  /** Puts them to rest, each if it is as it was read; else the next look does. */
  async #giveBack(own: readonly Own[]): Promise<void> {
    const { views, rests } = this.#context;
    for (let start = 0; start < own.length; start += BATCH) {
      const some = own.slice(start, start + BATCH);
      const conditions = some.map(({ key, revision }): Condition => ({ key, is: 'at', revision }));
      try {
        const writes = await Promise.all(some.map(({ key, record }) => rests.restWrite(key, record)));
        await views.commit(conditions, writes);
      } catch (error: unknown) {
        // The store has lost the lease; the next one is fresh.
        if (isXnetError(error, 'NOT_FOUND')) rests.forget();
        throw error;
      }
    }
  }
}

function ownAddress(entry: Entry, hostId: string): Own | undefined {
  const record = findRecord(addressRecord, entry);
  if (record?.state !== 'claimed' || record.hostId !== hostId) return undefined;
  return { key: entry.key, revision: entry.revision, record };
}

function keyOf(pool: PoolReference, address: bigint): string {
  return keys.address(formatPoolKey(pool), `${IpAddress.of(pool.subnet.family, address)}`);
}
