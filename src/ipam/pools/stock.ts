/**
 * Those addresses of this host's reserve in a pool that are next in turn. While the store answers, a container gets one of
 * these without a commit: its record stays `reserved` until the commit of the endpoint makes it `bound`.
 *
 * Guarantee: no address is handed out again while Docker may still create an endpoint with it. The stock is in memory
 * alone, and has only what this daemon has reserved: the next daemon hands out nothing that this one may have handed out.
 *
 * Limit: an address that Docker neither creates an endpoint with nor releases, since it was killed, is handed out for
 * HAND_OVER_MS. Then it belongs to the rest of the reserve.
 */
import { type AddressRecord, stateOf } from '../../model/address.js';
import type { Hold } from '../hold.js';
import { automaticSpan, isWithin } from './subnet-rules.js';

/**
 * Docker calls for the endpoint within milliseconds after it was given the address. That call may wait for the next daemon, and
 * take a minute there (RPC_DEADLINE_MS in server/rpc.ts).
 */
export const HAND_OVER_MS = 120_000;

/** The pool as this host sees it. */
export interface StockedPool {
  readonly addresses: ReadonlyMap<bigint, { readonly record: AddressRecord | undefined }>;
  /** A commit that is not answered yet changes these. */
  readonly inFlight: ReadonlySet<bigint>;
  /** Devices on the LAN have these. */
  readonly devices: ReadonlySet<bigint>;
  /** False after a commit of unknown outcome: the address may be given back, or another host's. */
  isCertain(address: bigint): boolean;
}

export interface HandedOut {
  /** Of the reservation. */
  readonly claim: string;
  /** Name of the container, where Docker sends it. */
  readonly container?: string;
  readonly untilMs: number;
}

export class Stock {
  /** In their turn, each with the claim of its reservation. */
  readonly #next = new Map<bigint, string>();
  readonly #handedOut = new Map<bigint, HandedOut>();

  constructor(
    private readonly pool: StockedPool,
    private readonly handOverMs = HAND_OVER_MS,
  ) {}

  /** This daemon has just reserved the addresses; they are handed out in this order, after those that are here. */
  add(addresses: readonly bigint[]): void {
    this.#prune();
    for (const address of addresses) {
      const claim = this.#reservationOf(address)?.claim;
      if (claim !== undefined) this.#next.set(address, claim);
    }
  }

  has(address: bigint): boolean {
    return this.#find(address) !== undefined;
  }

  /** How many addresses it has of the hold. */
  left({ id }: Hold): number {
    return [...this.#next.keys()].filter((address) => this.#find(address)?.references.includes(id)).length;
  }

  /** What `take` hands out next, in its order. */
  next(hold: Hold): bigint[] {
    return [...this.#next.keys()].filter((address) => this.#isFor(hold, address));
  }

  /** Hands out the next address of the hold; undefined when there is none. */
  take(hold: Hold, container?: string): bigint | undefined {
    for (const [address, claim] of this.#next) {
      if (!this.#isFor(hold, address)) continue;
      this.#next.delete(address);
      const untilMs = performance.now() + this.handOverMs;
      this.#handedOut.set(address, { claim, untilMs, ...(container !== undefined && { container }) });
      return address;
    }
    return undefined;
  }

  /** Undefined also for an address whose endpoint is recorded in the store. */
  handedOut(address: bigint): HandedOut | undefined {
    const handed = this.#handedOut.get(address);
    const isOver = handed === undefined || handed.untilMs < performance.now();
    return isOver || this.#reservationOf(address)?.claim !== handed.claim ? undefined : handed;
  }

  /** Docker has released the address. It is not handed out again before it was given back and has rested. */
  takeBack(address: bigint): void {
    this.#handedOut.delete(address);
  }

  #isFor({ id, subnet, range }: Hold, address: bigint): boolean {
    const { inFlight, devices } = this.pool;
    const isHolds = this.#find(address)?.references.includes(id) ?? false;
    const isWanted = isHolds && isWithin(automaticSpan(subnet, range), address);
    return isWanted && !inFlight.has(address) && !devices.has(address);
  }

  /** The record of an address that is here; undefined when it is reserved no more, or anew, or that is not certain. */
  #find(address: bigint): AddressRecord | undefined {
    const claim = this.#next.get(address);
    const record = this.#reservationOf(address);
    const isHere = claim !== undefined && record?.claim === claim && this.pool.isCertain(address);
    return isHere ? record : undefined;
  }

  #reservationOf(address: bigint): AddressRecord | undefined {
    const record = this.pool.addresses.get(address)?.record;
    return record && stateOf(record) === 'reserved' ? record : undefined;
  }

  #prune(): void {
    for (const address of this.#next.keys()) if (!this.has(address)) this.#next.delete(address);
    for (const address of this.#handedOut.keys())
      if (!this.handedOut(address)) this.#handedOut.delete(address);
  }
}
