/**
 * Addresses that this host holds in advance, so that containers can be started while the store is away.
 *
 * A pool has a reserve here once this host has had a container in it; reserve-plan.ts has the size. The reserve is
 * filled and emptied in the background. While the store answers, a container gets an address of it only when no other
 * is free. An address that is released while the store is away joins the reserve instead of resting: no other host can
 * take it, and this host can give it out again. When the store answers again, the surplus is put to rest.
 */
import { Sweep } from '../../concurrency/sweep.js';
import { stateOf } from '../../model/address.js';
import { parsePoolKey } from '../../model/pool.js';
import { addressKey } from '../address-entry.js';
import { type Hold, ownHoldKey } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';
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
import { findOwn, type HostPools, UnseenPools } from './unseen-pools.js';

export interface ReservesOptions {
  /**
   * Addresses of each pool. 0: none is held in advance, and one that is released during an outage is held until the
   * store answers.
   */
  readonly size: number;
  /** From a change to the look at it; between two looks while something is left to be done. */
  readonly lookMs: number;
  /** Whether a Docker network of this host has the pool; called for pools whose addresses Docker's own IPAM hands out. */
  readonly isPoolHere: (poolKey: string) => boolean;
  /** What this host has of pools, at its start and after an outage. */
  readonly poolsHere: () => Promise<HostPools>;
  readonly onFailure: (error: unknown) => void;
}

const NONE: ReservesOptions = {
  size: 0,
  lookMs: 1_000,
  isPoolHere: () => false,
  poolsHere: async () => ({ poolIds: [], poolKeys: new Map() }),
  onFailure: () => undefined,
};

/** In looks, to one without a hint: for what no change shows, such as an address that was released in a pool without a view. */
const SELDOM = 30;

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
  readonly #unseen: UnseenPools;
  #following: Promise<void> = Promise.resolve();

  /** Default: nothing is held in advance. */
  constructor(context: IpamContext, options: Partial<ReservesOptions> = {}) {
    this.#context = context;
    this.#options = { ...NONE, ...options };
    const { lookMs, onFailure, isPoolHere, poolsHere } = this.#options;
    this.#unseen = new UnseenPools(context, { isPoolHere, poolsHere, seldomMs: SELDOM * lookMs });
    this.#sweep = new Sweep({ look: () => this.#look(), retryMs: lookMs, onFailure });
  }

  start(): void {
    this.#sweep.start();
    this.#context.views.onTouched = () => this.#sweep.hintLater(this.#options.lookMs);
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
    const { store, views } = this.#context;
    const { lookMs } = this.#options;
    if (store.away) return lookMs;
    await this.#grantRequests();
    const isSeen = await this.#unseen.openSome();
    for (const view of views.all()) await this.#lookAt(view);
    const isPolled = !isSeen || store.away || views.all().some(({ byDocker }) => byDocker);
    return isPolled ? lookMs : SELDOM * lookMs;
  }

  /** What has not changed is as the last look left it, but for a Docker network that went. */
  async #lookAt(view: PoolView): Promise<void> {
    const isGone = view.byDocker && !this.#options.isPoolHere(view.poolKey);
    if (!view.isTouched && !isGone) return;
    await view.ready();
    // It may be away since the look began: then nothing of a reserve is given back.
    if (this.#context.store.away) return;
    view.isTouched = false;
    try {
      for (const hold of view.holds.values()) if (!hold.isOfCluster) await this.#adjust(view, hold);
      if (view.byDocker) await this.#adjustByDocker(view);
    } catch (error: unknown) {
      view.touch();
      throw error;
    }
  }

  /** Frees the requested addresses of this host's reserve. They need no rest, since no container has had them lately. */
  async #grantRequests(): Promise<void> {
    const { store } = this.#context;
    for (const key of this.#requested) {
      this.#requested.delete(key);
      this.#givenUp.set(key, performance.now() + GIVEN_UP_MS);
      const entry = await store.get(key);
      const own = entry && findOwn(entry, this.#context.host);
      if (own && stateOf(own.record) === 'reserved') await removeOwn(this.#context, [own]);
    }
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
    const isTaken = (address: bigint) =>
      !view.isFree(address) || this.#isGivenUp(view, addressKey(hold, address));
    const chosen = chooseForReserve(span, isTaken, count, Math.random());
    const result = await claimReserve(this.#context, view, hold, chosen, hold);
    const key = ownHoldKey(hold, this.#context.host);
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
    const free = missing.filter((address) => !this.#isGivenUp(view, addressKey(pool, address)));
    if (free.length > 0) await claimReserve(this.#context, view, pool, free);
    if (isHere) return giveBack(this.#context, surplus);
    await removeOwn(this.#context, surplus);
    await views.closeByDocker(view);
  }

  /** Then the view is looked at again, until it is over. */
  #isGivenUp(view: PoolView, key: string): boolean {
    const isOver = (this.#givenUp.get(key) ?? 0) < performance.now();
    if (isOver) this.#givenUp.delete(key);
    else view.touch();
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
