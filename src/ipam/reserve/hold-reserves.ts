import { type AddressRecord, endpointHolder } from '../../model/address.js';
import { addressKey } from '../address-entry.js';
import { type Hold, ownHoldKey } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';
import type { LanDevices } from '../lan/lan-devices.js';
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

/** How many to add: of the next in turn, and of those past the middle. */
interface Missing {
  readonly inTurn: number;
  readonly apart: number;
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
    private readonly devices: LanDevices,
    private readonly options: HoldReservesOptions,
    /** The address with this key was freed for another host a moment ago. */
    private readonly isGivenUp: (view: PoolView, addressKey: string) => boolean,
  ) {}

  /** To be called first: what is reserved for the hold by now may have been handed out by the former daemon. Idempotent. */
  noteInherited(view: PoolView, hold: Hold): void {
    // Later it is not asked for, and holds come and go as long as the daemon runs.
    if (this.#isHandOverOver) this.#inherited.clear();
    if (this.#isHandOverOver || this.#inherited.has(hold.id)) return;
    const claims = this.#ownOf(view, hold).rest.map(({ record }) => record.claim);
    this.#inherited.set(hold.id, new Set(claims));
  }

  /** The part of a full stock that is left; 1 where there is none. */
  leftInStock(view: PoolView, hold: Hold): number {
    const full = stockSize(this.options.size);
    return full === 0 ? 1 : view.stock.left(hold) / full;
  }

  /**
   * Fills and empties. Nothing for the cluster's hold, and for one without an address (its first container gets the first one).
   * While the same is done already, and while time alone will bring more to do, the view is to be looked at again. Throws the
   * store's errors.
   */
  async adjust(view: PoolView, hold: Hold): Promise<void> {
    if (hold.isOfCluster || !this.#isUsed(view, hold)) return;
    if (this.#adjusting.has(hold.id)) return view.touch();
    this.#adjusting.add(hold.id);
    try {
      await this.#adjust(view, hold);
    } finally {
      this.#adjusting.delete(hold.id);
    }
  }

  async #adjust(view: PoolView, hold: Hold): Promise<void> {
    this.noteInherited(view, hold);
    const plan = this.#plan(view, hold);
    const isFull = plan.missing.inTurn + plan.missing.apart === 0;
    if (!isFull) await this.#fill(view, hold, plan.missing);
    // What was too much before that commit may have been handed out meanwhile.
    const { surplus, isMoreLater } = isFull ? plan : this.#plan(view, hold);
    await giveBack(this.context, surplus);
    if (isMoreLater) view.touch();
  }

  /** `isMoreLater`: Docker may still create endpoints with some; those with which it does not are surplus then. */
  #plan(view: PoolView, hold: Hold) {
    const { size } = this.options;
    const share = shareOf(size, view, automaticSpan(hold.subnet, hold.range));
    const own = this.#ownOf(view, hold);
    const stock = planReserve(stockSize(size), stockSize(share), own.stock);
    const rest = planReserve(size - stockSize(size), share - stockSize(share), own.rest);
    const unused = rest.surplus.filter(({ record }) => !this.#mayBeHandedOut(hold, record.claim));
    return {
      missing: { inTurn: stock.missing, apart: rest.missing },
      surplus: [...stock.surplus, ...unused],
      isMoreLater: unused.length < rest.surplus.length || own.handedOut.length > 0,
    };
  }

  get #isHandOverOver(): boolean {
    return performance.now() > this.#startedAt + this.options.handOverMs;
  }

  /** By the former daemon. */
  #mayBeHandedOut({ id }: Hold, claim: string): boolean {
    return !this.#isHandOverOver && this.#inherited.get(id)?.has(claim) === true;
  }

  #isUsed({ addresses }: PoolView, { id }: Hold): boolean {
    const { hostId } = this.context.host;
    const isOwn = (record: AddressRecord) =>
      endpointHolder(record) === hostId && record.references.includes(id);
    return [...addresses.values()].some(({ record }) => record && isOwn(record));
  }

  /** What is reserved for the hold. `handedOut`: a container has been given it, and has no endpoint yet. */
  #ownOf({ stock, addresses }: PoolView, { id }: Hold) {
    const own = reservedBy(this.context.host.hostId, addresses.values()).filter(({ record }) =>
      record.references.includes(id),
    );
    const kept = own.filter(({ address }) => !stock.handedOut(address));
    return {
      stock: kept.filter(({ address }) => stock.has(address)),
      rest: kept.filter(({ address }) => !stock.has(address)),
      handedOut: own.filter(({ address }) => stock.handedOut(address)),
    };
  }

  /** One commit. */
  async #fill(view: PoolView, hold: Hold, { inTurn, apart }: Missing): Promise<void> {
    const span = automaticSpan(hold.subnet, hold.range);
    const isTaken = (address: bigint) =>
      !view.isFree(address) || this.isGivenUp(view, addressKey(hold, address));
    const next = chooseInTurn(hold, view.lastHandedOut, isTaken, inTurn);
    const isChosen = (address: bigint) => isTaken(address) || next.includes(address);
    const chosen = [...next, ...chooseForReserve(span, isChosen, apart, Math.random())];
    const used = await this.devices.findUsed(view, chosen);
    // The next look chooses others in their place.
    if (used.size > 0) view.touch();
    const free = chosen.filter((address) => !used.has(address));
    if (free.length === 0) return;
    const result = await claimReserve(this.context, view, hold, free, hold);
    if (result.committed) return view.stock.add(next.filter((address) => !used.has(address)));
    const key = ownHoldKey(hold, this.context.host);
    if (!result.found.some((entry) => entry.key === key)) await this.context.views.close(hold);
  }
}

/** This host's share of the pool. */
export function shareOf(wanted: number, { addresses }: PoolView, span: Span): number {
  return reserveSize(wanted, surveyPool(addresses.values(), span));
}
