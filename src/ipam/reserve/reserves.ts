/**
 * Addresses that this host holds in advance, so that containers are started without a commit for their addresses, and also
 * while the store is away.
 *
 * A pool has a reserve here once this host has had a container in it; reserve-plan.ts has the size. The reserve is
 * filled and emptied in the background. One half is the stock (stock.ts): the addresses that are next in turn. While
 * the store answers, a container gets one of the other half only when no other address is free. An address that is
 * released while the store is away joins that half instead of resting: no other host can take it, and this host can
 * give it out again. When the store answers again, the surplus is put to rest.
 */
import { Sweep } from '../../concurrency/sweep.js';
import { stateOf } from '../../model/address.js';
import { parsePoolKey } from '../../model/pool.js';
import { addressKey } from '../address-entry.js';
import type { Hold } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';
import type { LanDevices } from '../lan/lan-devices.js';
import type { PoolView } from '../pools/pool-view.js';
import { HAND_OVER_MS } from '../pools/stock.js';
import { automaticSpan } from '../pools/subnet-rules.js';
import { followRequests } from './address-requests.js';
import { HoldReserves, type HoldReservesOptions, shareOf } from './hold-reserves.js';
import { claimReserve, giveBack, removeOwn } from './reserve-commits.js';
import { planLowest } from './reserve-plan.js';
import { findOwn, type HostPools, UnseenPools } from './unseen-pools.js';

export interface ReservesOptions extends HoldReservesOptions {
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
  handOverMs: HAND_OVER_MS,
  poolsHere: async () => ({ poolIds: [], poolKeys: new Map() }),
  onFailure: () => undefined,
};

/** In looks, to one without a hint: for what no change shows, such as an address that was released in a pool without a view. */
const SELDOM = 30;

/** Longer than the requesting host waits for the address. */
const GIVEN_UP_MS = 10_000;

/** From a call that leaves half of a stock or less, to the commit that fills it: longer than a start asks the store for something. */
const FILL_DELAY_MS = 200;

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
  readonly #ofHolds: HoldReserves;
  #following: Promise<void> = Promise.resolve();

  /** Default: nothing is held in advance. */
  constructor(context: IpamContext, devices: LanDevices, options: Partial<ReservesOptions> = {}) {
    this.#context = context;
    this.#options = { ...NONE, ...options };
    const { lookMs, onFailure, isPoolHere, poolsHere } = this.#options;
    this.#unseen = new UnseenPools(context, { isPoolHere, poolsHere, seldomMs: SELDOM * lookMs });
    const isGivenUp = (view: PoolView, key: string) => this.#isGivenUp(view, key);
    this.#ofHolds = new HoldReserves(context, devices, this.#options, isGivenUp);
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
    await this.#lookAtAll();
    const isPolled = !isSeen || store.away || views.all().some(({ byDocker }) => byDocker);
    return isPolled ? lookMs : SELDOM * lookMs;
  }

  /** Those on LANs last, and side by side: each waits for answers, and requests of other hosts come with the next look. */
  async #lookAtAll(): Promise<void> {
    const { views, lan } = this.#context;
    const onLan: PoolView[] = [];
    for (const view of views.all()) {
      if (lan.isOnLan(view.poolKey)) onLan.push(view);
      else await this.#lookAt(view);
    }
    const looks = await Promise.allSettled(onLan.map((view) => this.#lookAt(view)));
    for (const look of looks) if (look.status === 'rejected') throw look.reason;
  }

  /** What has not changed is as the last look left it, but for a Docker network that went. */
  async #lookAt(view: PoolView): Promise<void> {
    const isGone = view.byDocker && !this.#options.isPoolHere(view.poolKey);
    if (!view.isTouched && !isGone) return;
    await view.ready();
    // It may be away since the look began: then nothing of a reserve is given back.
    if (this.#context.store.away) return view.touch();
    view.isTouched = false;
    try {
      for (const hold of view.holds.values()) await this.#ofHolds.adjust(view, hold);
      if (view.byDocker) await this.#adjustByDocker(view);
    } catch (error: unknown) {
      view.touch();
      throw error;
    }
  }

  /** Frees the requested addresses of this host's reserve. They need no rest, since no container has had them lately. */
  async #grantRequests(): Promise<void> {
    const { store } = this.#context;
    for (const [key, untilMs] of this.#givenUp) if (untilMs < performance.now()) this.#givenUp.delete(key);
    for (const key of this.#requested) {
      this.#requested.delete(key);
      this.#givenUp.set(key, performance.now() + GIVEN_UP_MS);
      const entry = await store.get(key);
      const own = entry && findOwn(entry, this.#context.host);
      const isUnused = own && stateOf(own.record) === 'reserved' && !this.#context.views.handedOut(key);
      if (isUnused) await removeOwn(this.#context, [own]);
    }
  }

  /** To be called when a container has been given an address through the hold. */
  noteGiven(view: PoolView, hold: Hold): void {
    this.#ofHolds.noteInherited(view, hold);
    // Docker may never come with the endpoint.
    view.touch();
    const left = this.#ofHolds.leftInStock(view, hold);
    if (left > 0.5) return;
    // Not at once: the store is to be free for the endpoint's commit.
    setTimeout(() => void this.#fill(view, hold), left === 0 ? 0 : FILL_DELAY_MS).unref();
  }

  async #fill(view: PoolView, hold: Hold): Promise<void> {
    if (this.#closing.signal.aborted || this.#context.store.away) return;
    await this.#ofHolds.adjust(view, hold).catch((error: unknown) => {
      view.touch();
      this.#options.onFailure(error);
    });
  }

  async #adjustByDocker(view: PoolView): Promise<void> {
    const { host, views } = this.#context;
    const pool = parsePoolKey(view.poolKey);
    const isHere = this.#options.isPoolHere(view.poolKey);
    const span = automaticSpan(pool.subnet);
    const share = isHere ? shareOf(this.#options.size, view, span) : 0;
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
    if (!isOver) view.touch();
    return !isOver;
  }

  /** An address that is released there joins the reserve at once: Docker's own IPAM offers it next. */
  keepsReleased(poolKey: string): boolean {
    const view = this.#context.views.find(poolKey);
    if (!view?.byDocker || !this.#options.isPoolHere(poolKey)) return false;
    return shareOf(this.#options.size, view, automaticSpan(parsePoolKey(poolKey).subnet)) > 0;
  }
}
