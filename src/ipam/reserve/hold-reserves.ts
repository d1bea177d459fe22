import { type AddressRecord, endpointHolder } from '../../model/address.js';
import { addressKey } from '../address-entry.js';
import { type Hold, ownHoldKey } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';
import type { PoolView } from '../pools/pool-view.js';
import { automaticSpan, type Span } from '../pools/subnet-rules.js';
import { claimReserve, giveBack } from './reserve-commits.js';
import {
  chooseForReserve,
  chooseInTurn,
  planReserve,
  reservedBy,
  reserveSize,
  stockSize,
  surveyPool,
} from './reserve-plan.js';

export interface HoldReservesOptions {
  /**
   * Addresses of each pool. 0: none is held in advance, and one that is released during an outage is held until the
   * store answers.
   */
  readonly size: number;
  /**
   * How long, from the start on, nothing is given back that was in reserve before: the former daemon may have handed it out
   * to Docker, which creates the endpoint now.
   */
  readonly handOverMs: number;
}

/** The reserves of this host's holds on pools: each has as many addresses as its share, one half of them in stock. */
export class HoldReserves {
  /** Ids of the holds whose reserve is being adjusted. */
  readonly #adjusting = new Set<string>();
  /** Claims of what a hold had in reserve when it was first looked at, by its id. */
  readonly #inherited = new Map<string, ReadonlySet<string>>();
  readonly #startedAt = performance.now();

  constructor(
    private readonly context: IpamContext,
    private readonly options: HoldReservesOptions,
    /** The address with this key was freed for another host a moment ago. */
    private readonly isGivenUp: (view: PoolView, addressKey: string) => boolean,
  ) {}

  /** To be called first: what is reserved for the hold by now may have been handed out by the former daemon. Idempotent. */
  noteInherited(view: PoolView, hold: Hold): void {
    if (this.#inherited.has(hold.id)) return;
    const claims = this.#ownOf(view, hold).rest.map(({ record }) => record.claim);
    this.#inherited.set(hold.id, new Set(claims));
  }

  /** The part of a full stock that is left; 1 where there is none. */
  leftInStock(view: PoolView, hold: Hold): number {
    const full = stockSize(this.options.size);
    return full === 0 ? 1 : this.#ownOf(view, hold).stock.length / full;
  }

  /**
   * Fills and empties. Nothing for the cluster's hold, for one without an address (its first container gets the first one),
   * and while the same is done already. Throws the store's errors.
   */
  async adjust(view: PoolView, hold: Hold): Promise<void> {
    if (hold.isOfCluster || !this.#isUsed(view, hold) || this.#adjusting.has(hold.id)) return;
    this.#adjusting.add(hold.id);
    try {
      await this.#adjust(view, hold);
    } finally {
      this.#adjusting.delete(hold.id);
    }
  }

  async #adjust(view: PoolView, hold: Hold): Promise<void> {
    const { size } = this.options;
    this.noteInherited(view, hold);
    const share = shareOf(size, view, automaticSpan(hold.subnet, hold.range));
    const own = this.#ownOf(view, hold);
    const stock = planReserve(stockSize(size), stockSize(share), own.stock);
    const rest = planReserve(size - stockSize(size), share - stockSize(share), own.rest);
    if (stock.missing + rest.missing > 0) await this.#fill(view, hold, stock.missing, rest.missing);
    const surplus = rest.surplus.filter(({ record }) => !this.#mayBeHandedOut(hold, record.claim));
    await giveBack(this.context, [...stock.surplus, ...surplus]);
    // The rest is given back by a later look.
    if (surplus.length < rest.surplus.length) view.touch();
  }

  /** By the former daemon. */
  #mayBeHandedOut({ id }: Hold, claim: string): boolean {
    const isOver = performance.now() > this.#startedAt + this.options.handOverMs;
    return !isOver && this.#inherited.get(id)?.has(claim) === true;
  }

  #isUsed({ addresses }: PoolView, { id }: Hold): boolean {
    const { hostId } = this.context.host;
    const isOwn = (record: AddressRecord) =>
      endpointHolder(record) === hostId && record.references.includes(id);
    return [...addresses.values()].some(({ record }) => record && isOwn(record));
  }

  /** What is reserved for the hold, and no container has been given. */
  #ownOf({ stock, addresses }: PoolView, { id }: Hold) {
    const own = reservedBy(this.context.host.hostId, addresses.values()).filter(
      ({ record, address }) => record.references.includes(id) && !stock.handedOut(address),
    );
    return {
      stock: own.filter(({ address }) => stock.has(address)),
      rest: own.filter(({ address }) => !stock.has(address)),
    };
  }

  /** One commit. */
  async #fill(view: PoolView, hold: Hold, inTurn: number, apart: number): Promise<void> {
    const span = automaticSpan(hold.subnet, hold.range);
    const isTaken = (address: bigint) =>
      !view.isFree(address) || this.isGivenUp(view, addressKey(hold, address));
    const next = chooseInTurn(hold, view.lastHandedOut, isTaken, inTurn);
    const isChosen = (address: bigint) => isTaken(address) || next.includes(address);
    const chosen = [...next, ...chooseForReserve(span, isChosen, apart, Math.random())];
    const result = await claimReserve(this.context, view, hold, chosen, hold);
    if (result.committed) return view.stock.add(next);
    const key = ownHoldKey(hold, this.context.host);
    if (!result.found.some((entry) => entry.key === key)) await this.context.views.close(hold);
  }
}

/** This host's share of the pool. */
export function shareOf(wanted: number, { addresses }: PoolView, span: Span): number {
  return reserveSize(wanted, surveyPool(addresses.values(), span));
}
