/**
 * Addresses that this host holds in advance, so that containers can be started while the store is away.
 *
 * A pool has a reserve here once this host has had a container in it; reserve-plan.ts has the size. The reserve is
 * filled and emptied in the background. While the store answers, a container gets an address of it only when no other
 * is free. An address that is released while the store is away joins the reserve instead of resting: no other host can
 * take it, and this host can give it out again. When the store answers again, the surplus is put to rest.
 */
import { Sweep } from '../../concurrency/sweep.js';
import { parseAddressKey, stateOf } from '../../model/address.js';
import { bindingRecord } from '../../model/binding.js';
import { keys } from '../../model/keys.js';
import { parsePoolKey } from '../../model/pool.js';
import { findRecord } from '../../model/record.js';
import type { Entry } from '../../store/store.js';
import { type AddressEntry, addressKey, findAddress } from '../address-entry.js';
import { type Hold, holdKey, parsePoolId } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';
import { listHoldsExcept } from '../pools/pool-entries.js';
import type { PoolView } from '../pools/pool-view.js';
import { automaticSpan, type Span } from '../pools/subnet-rules.js';
import { followRequests } from './address-requests.js';
import { claimReserve, giveBack, removeOwn } from './reserve-commits.js';
import {
  chooseForReserve,
  planLowest,
  planReserve,
  reservedBy,
  reserveSize,
  surveyPool,
} from './reserve-plan.js';

export interface ReservesOptions {
  /**
   * Addresses of each pool. 0: none is held in advance, and one that is released during an outage is held until the
   * store answers.
   */
  readonly size: number;
  /** Between two looks. */
  readonly lookMs: number;
  /** Whether a Docker network of this host has the pool; called for pools whose addresses Docker's own IPAM hands out. */
  readonly isPoolHere: (poolKey: string) => boolean;
  readonly onFailure: (error: unknown) => void;
}

const NONE: ReservesOptions = {
  size: 0,
  lookMs: 1_000,
  isPoolHere: () => false,
  onFailure: () => undefined,
};

/** Longer than the requesting host waits for the address. */
const GIVEN_UP_MS = 10_000;

export class Reserves implements AsyncDisposable {
  readonly #context: IpamContext;
  readonly #options: ReservesOptions;
  readonly #sweep: Sweep;
  readonly #closing = new AbortController();
  /** Keys of addresses that hosts request. */
  readonly #requested = new Set<string>();
  /**
   * Keys of addresses that were freed for a request, each with the time until which this host does not reserve it
   * again.
   */
  readonly #givenUp = new Map<string, number>();
  #following: Promise<void> = Promise.resolve();
  /** True when this host may have addresses in pools without a view: from a former daemon, or from an outage. */
  #mayBeUnseen = true;

  /** Default: nothing is held in advance. */
  constructor(context: IpamContext, options: Partial<ReservesOptions> = {}) {
    this.#context = context;
    this.#options = { ...NONE, ...options };
    const { lookMs, onFailure } = this.#options;
    this.#sweep = new Sweep({ look: () => this.#look(), retryMs: lookMs, onFailure });
  }

  start(): void {
    this.#sweep.start();
    const onRequest = (addressKey: string) => {
      this.#requested.add(addressKey);
      this.#sweep.hint();
    };
    this.#following = followRequests(this.#context.store, onRequest, this.#closing.signal);
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
    await this.#grantRequests();
    if (this.#mayBeUnseen) {
      await this.#openHeldPools();
      this.#mayBeUnseen = false;
    }
    for (const view of views.all()) {
      await view.ready();
      for (const hold of view.holds.values()) if (!hold.isOfCluster) await this.#adjust(view, hold);
      if (view.byDocker) await this.#adjustByDocker(view);
    }
    return this.#options.lookMs;
  }

  /** Frees the requested addresses of this host's reserve. They need no rest, since no container has had them lately. */
  async #grantRequests(): Promise<void> {
    const { store } = this.#context;
    for (const key of this.#requested) {
      this.#requested.delete(key);
      this.#givenUp.set(key, performance.now() + GIVEN_UP_MS);
      const entry = await store.get(key);
      const own = entry && this.#findOwn(entry);
      if (own && stateOf(own.record) === 'reserved') await removeOwn(this.#context, [own]);
    }
  }

  /** Opens the views of the pools in which this host has addresses, and frees reserved addresses of all other pools. */
  async #openHeldPools(): Promise<void> {
    const { store, views } = this.#context;
    const { entries } = await store.list(keys.addresses());
    const own = entries.flatMap((entry) => this.#findOwn(entry) ?? []);
    const held = new Set(own.flatMap(({ record }) => record.references));
    for (const hold of await this.#listHolds()) if (held.has(hold.id)) await views.open(hold);
    for (const each of own) if (this.#isByDocker(each)) views.beginByDocker(poolKeyOf(each));
    const open = new Set(views.all().flatMap(({ holds }) => [...holds.keys()]));
    const isUnused = (each: AddressEntry) =>
      !this.#isByDocker(each) && !each.record.references.some((holdId) => open.has(holdId));
    const unused = own.filter((each) => stateOf(each.record) === 'reserved' && isUnused(each));
    await removeOwn(this.#context, unused);
  }

  /** An address that this host holds. */
  #findOwn(entry: Entry): AddressEntry | undefined {
    const found = findAddress(entry);
    const isOwn = found?.record.hostId === this.#context.host.hostId && stateOf(found.record) !== 'resting';
    return isOwn ? found : undefined;
  }

  #isByDocker(own: AddressEntry): boolean {
    return own.record.references.length === 0 && this.#options.isPoolHere(poolKeyOf(own));
  }

  /** This host's holds on pools. Of a pool that serves another driver's network the range is not known. */
  async #listHolds(): Promise<Hold[]> {
    const { store, host } = this.#context;
    const { entries } = await store.list(keys.bindings());
    const bindings = entries.flatMap((entry) => findRecord(bindingRecord, entry) ?? []);
    const poolIds = bindings.flatMap(({ hostId, poolIds = [] }) => (hostId === host.hostId ? poolIds : []));
    return [...poolIds.map(parsePoolId), ...(await listHoldsExcept(this.#context, poolIds))];
  }

  async #adjust(view: PoolView, hold: Hold): Promise<void> {
    const span = automaticSpan(hold.subnet, hold.range);
    const reserved = reservedBy(this.#context.host.hostId, view.addresses.values());
    const own = reserved.filter(({ record }) => record.references.includes(hold.id));
    const { missing, surplus } = planReserve(this.#options.size, this.#shareOf(view, span), own);
    if (missing > 0) await this.#fill(view, hold, missing);
    await giveBack(this.#context, surplus);
  }

  async #fill(view: PoolView, hold: Hold, count: number): Promise<void> {
    const span = automaticSpan(hold.subnet, hold.range);
    const isTaken = (address: bigint) => !view.isFree(address) || this.#isGivenUp(addressKey(hold, address));
    const chosen = chooseForReserve(span, isTaken, count, Math.random());
    const result = await claimReserve(this.#context, view, hold, chosen, hold);
    const key = holdKey(hold, this.#context.host);
    const isGone = !result.committed && !result.found.some((entry) => entry.key === key);
    if (isGone) await this.#context.views.close(hold);
  }

  async #adjustByDocker(view: PoolView): Promise<void> {
    const { host, views } = this.#context;
    const pool = parsePoolKey(view.poolKey);
    const isHere = this.#options.isPoolHere(view.poolKey);
    const span = automaticSpan(pool.subnet);
    const share = isHere ? this.#shareOf(view, span) : 0;
    const { missing, surplus } = planLowest(share, span, host.hostId, view.addresses);
    const free = missing.filter((address) => !this.#isGivenUp(addressKey(pool, address)));
    if (free.length > 0) await claimReserve(this.#context, view, pool, free);
    if (isHere) return giveBack(this.#context, surplus);
    await removeOwn(this.#context, surplus);
    await views.closeByDocker(view);
  }

  #isGivenUp(key: string): boolean {
    const isOver = (this.#givenUp.get(key) ?? 0) < performance.now();
    if (isOver) this.#givenUp.delete(key);
    return !isOver;
  }

  /** An address that is released there joins the reserve at once: Docker's own IPAM offers it next. */
  keepsReleased(poolKey: string): boolean {
    const view = this.#context.views.find(poolKey);
    if (!view?.byDocker || !this.#options.isPoolHere(poolKey)) return false;
    return this.#shareOf(view, automaticSpan(parsePoolKey(poolKey).subnet)) > 0;
  }

  #shareOf({ addresses }: PoolView, span: Span): number {
    return reserveSize(this.#options.size, surveyPool(addresses.values(), span));
  }
}

function poolKeyOf({ key }: AddressEntry): string {
  return parseAddressKey(key)?.poolKey ?? '';
}
