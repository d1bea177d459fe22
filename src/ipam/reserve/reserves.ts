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
import { bindingRecord } from '../../model/binding.js';
import { keys } from '../../model/keys.js';
import { findRecord } from '../../model/record.js';
import type { Condition } from '../../store/store.js';
import { isClusterHold } from '../cluster-hold.js';
import type { IpamContext } from '../ipam-context.js';
import { type PoolReference, parsePoolId } from '../pool-id.js';
import { formatPoolKey, parsePoolKey } from '../pool-name.js';
import { listHoldsExcept } from '../pools/host-holds.js';
import type { PoolView } from '../pools/pool-view.js';
import { automaticSpan } from '../pools/subnet-rules.js';
import { followRequests } from './address-requests.js';
import {
  claimReserve,
  giveBack,
  keyOf,
  type Own,
  ownAddress,
  poolKeyOf,
  removeOwn,
} from './reserve-commits.js';
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

  constructor(context: IpamContext, options: ReservesOptions) {
    this.#context = context;
    this.#options = options;
    const { lookMs, onFailure } = options;
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
      const holds = [...view.references.values()].filter((pool) => !isClusterHold(pool));
      for (const pool of holds) await this.#adjust(view, pool);
      if (view.byDocker) await this.#adjustByDocker(view);
    }
    return this.#options.lookMs;
  }

  /** Frees the requested addresses of this host's reserve. They need no rest, since no container has had them lately. */
  async #grantRequests(): Promise<void> {
    const { store, host } = this.#context;
    for (const key of this.#requested) {
      this.#requested.delete(key);
      this.#givenUp.set(key, performance.now() + GIVEN_UP_MS);
      const entry = await store.get(key);
      const own = entry && ownAddress(entry, host.id);
      if (own && stateOf(own.record) === 'reserved') await removeOwn(this.#context, [own]);
    }
  }

  /** Opens the views of the pools in which this host has addresses, and frees reserved addresses of all other pools. */
  async #openHeldPools(): Promise<void> {
    const { store, host, views } = this.#context;
    const own = (await store.list(keys.addresses())).entries.flatMap(
      (entry) => ownAddress(entry, host.id) ?? [],
    );
    const held = new Set(own.flatMap(({ record }) => record.references));
    for (const pool of await this.#listHolds()) if (held.has(pool.reference)) await views.open(pool);
    for (const each of own) if (this.#isByDocker(each)) views.beginByDocker(poolKeyOf(each));
    const open = new Set(views.all().flatMap(({ references }) => [...references.keys()]));
    const isUnused = (each: Own) =>
      !this.#isByDocker(each) && !each.record.references.some((reference) => open.has(reference));
    const unused = own.filter((each) => stateOf(each.record) === 'reserved' && isUnused(each));
    await removeOwn(this.#context, unused);
  }

  #isByDocker(own: Own): boolean {
    return own.record.references.length === 0 && this.#options.isPoolHere(poolKeyOf(own));
  }

  /** This host's references to pools. Of a pool that serves another driver's network the range is not known. */
  async #listHolds(): Promise<PoolReference[]> {
    const { store, host } = this.#context;
    const { entries } = await store.list(keys.bindings());
    const bindings = entries.flatMap((entry) => findRecord(bindingRecord, entry) ?? []);
    const poolIds = bindings.flatMap(({ hostId, poolIds = [] }) => (hostId === host.id ? poolIds : []));
    return [...poolIds.map(parsePoolId), ...(await listHoldsExcept(this.#context, poolIds))];
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
    await giveBack(this.#context, surplus);
  }

  async #fill(view: PoolView, pool: PoolReference, count: number): Promise<void> {
    const { addresses, inFlight } = view;
    const span = automaticSpan(pool.subnet, pool.range);
    const isTaken = (address: bigint) =>
      addresses.has(address) || inFlight.has(address) || this.#isGivenUp(keyOf(pool, address));
    const chosen = chooseForReserve(span, isTaken, count, Math.random());
    const key = keys.poolReference(formatPoolKey(pool), this.#context.host.id, pool.reference);
    const condition: Condition = { key, is: 'present' };
    const result = await claimReserve(this.#context, view, pool, chosen, [pool.reference], condition);
    const isGone = !result.committed && !result.found.some((entry) => entry.key === key);
    if (isGone) await this.#context.views.close(pool);
  }

  async #adjustByDocker(view: PoolView): Promise<void> {
    const { host, views } = this.#context;
    const pool = parsePoolKey(view.poolKey);
    const isHere = this.#options.isPoolHere(view.poolKey);
    const share = isHere ? this.#shareByDocker(view) : 0;
    const { missing, surplus } = planLowest(share, automaticSpan(pool.subnet), host.id, view.addresses);
    const free = missing.filter((address) => !this.#isGivenUp(keyOf(pool, address)));
    if (free.length > 0) await claimReserve(this.#context, view, pool, free, []);
    const own = surplus.flatMap(({ address, revision, record }) =>
      record ? { key: keyOf(pool, address), revision, record } : [],
    );
    if (isHere) return giveBack(this.#context, own);
    await removeOwn(this.#context, own);
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
    return this.#shareByDocker(view) > 0;
  }

  #shareByDocker({ poolKey, addresses }: PoolView): number {
    const span = automaticSpan(parsePoolKey(poolKey).subnet);
    return reserveSize(this.#options.size, surveyPool(addresses.all(), span));
  }
}
