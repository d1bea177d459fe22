/** Addresses for endpoints: each held by one pool reference of one host. */
import { sleep } from '../../concurrency/deadline.js';
import { isXnetError, XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { addressRecord, isTakeable, stateOf } from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { parseRecord } from '../../model/record.js';
import type { Store } from '../../store/store.js';
import { findHolder } from '../holder.js';
import { type IpamContext, unfinishedKey } from '../ipam-context.js';
import type { PoolReference, Request } from '../pool-id.js';
import { formatPoolKey, showPool } from '../pool-name.js';
import { chooseFree, chooseHighest, chooseResting } from '../pools/choose-address.js';
import type { KnownAddress } from '../pools/known-addresses.js';
import type { PoolView } from '../pools/pool-view.js';
import { automaticSpan, checkAddress, type Span } from '../pools/subnet-rules.js';
import { readOrRequest } from '../reserve/address-requests.js';
import { awayError, usesReserve } from '../reserve/outage.js';
import { isWithin, reservedBy } from '../reserve/reserve-plan.js';
import { type Choose, Claim, type ClaimOptions, type Pick } from './claim.js';
import { reuseSwarmAddress } from './swarm-addresses.js';

/**
 * How long to wait for an address when only other hosts' reserves have any left. Each host gives back its surplus every
 * second.
 */
const RETURN_MS = 3_000;
const RETURN_LOOK_MS = 50;

export class EndpointAddresses {
  /** Claims made, and commits refused on the way because another host was faster. */
  readonly counts = { claims: 0, refusals: 0 };
  readonly #context: IpamContext;

  constructor(context: IpamContext) {
    this.#context = context;
  }

  /**
   * Claims the next free address (choose-address.ts has the order), while the store is away one of this host's reserve.
   * A repeated request gets the address that it claimed before. Throws EXHAUSTED, NOT_FOUND, STORE_CONFLICT,
   * STORE_UNAVAILABLE.
   */
  async claimNext(pool: PoolReference, options: ClaimOptions, request: Request): Promise<IpAddress> {
    const { store, views, host } = this.#context;
    const view = await views.open(pool);
    const earlier = request.repeated ? findClaimed(view, request.id) : undefined;
    if (earlier) return IpAddress.of(pool.subnet.family, earlier.address);
    const claim = () => new Claim(this.#context, pool, options, request.id);
    const span = automaticSpan(pool.subnet, pool.range);
    // Without a reserve the only way is to wait for the store: mostly another member of etcd answers soon.
    const hasReserve = () => usesReserve(store) && findReserved(view, span, host.id) !== undefined;
    try {
      if (!hasReserve()) {
        const choose: Choose = (refusals) => chooseNext(view, pool, host.id, refusals);
        return await this.#take(view, claim(), choose, hasReserve);
      }
    } catch (error: unknown) {
      if (!isXnetError(error, 'STORE_UNAVAILABLE') || !usesReserve(store)) throw error;
    }
    return this.#take(view, claim(), async () => chooseAway(store, view, pool, host.id));
  }

  /** `choose` notes its choice as in flight. */
  async #take(view: PoolView, claim: Claim, choose: Choose, givesUp?: () => boolean): Promise<IpAddress> {
    let pick: Pick | undefined;
    try {
      const address = await claim.take(async (refusals) => {
        if (pick) view.inFlight.delete(pick.address);
        pick = undefined;
        pick = await choose(refusals);
        return pick;
      }, givesUp);
      if (claim.refusals === 0) view.noteSuccess();
      return address;
    } catch (error: unknown) {
      // The reference of Docker's PoolID is gone, so no release closes the view.
      if (isXnetError(error, 'NOT_FOUND')) await this.#context.views.close(claim.pool);
      throw error;
    } finally {
      if (pick) view.inFlight.delete(pick.address);
      this.#count(claim);
    }
  }

  /** Claims the address that the caller names. Throws INVALID, IN_USE naming the holder, and as claimNext. */
  async claimExplicit(
    pool: PoolReference,
    address: IpAddress,
    options: ClaimOptions & { readonly isRepeatable?: boolean },
    request: Request,
  ): Promise<IpAddress> {
    checkAddress(address, pool.subnet);
    if (await reuseSwarmAddress(this.#context, pool, address, options)) return address;
    const { isRepeatable: _, ...recorded } = options;
    const claim = new Claim(this.#context, pool, { ...recorded, explicit: true }, request.id);
    try {
      const claimed = await claim.take((refusals) => this.#takeable(pool, address, refusals, request));
      // A pool in use has a reserve, which needs a view.
      this.#context.views.begin(pool);
      return claimed;
    } catch (error: unknown) {
      const { store } = this.#context;
      if (!isXnetError(error, 'STORE_UNAVAILABLE') || !usesReserve(store)) throw error;
      throw awayError(store, `address ${address} cannot be claimed`);
    } finally {
      this.#count(claim);
    }
  }

  async #takeable(pool: PoolReference, address: IpAddress, refusals: number, { id }: Request): Promise<Pick> {
    const { store, views, unfinished, host } = this.#context;
    const known = views.find(formatPoolKey(pool))?.addresses.get(address.value);
    const free = { address: address.value };
    if (refusals === 0 && !known && !usesReserve(store)) return free;
    const key = keys.address(formatPoolKey(pool), `${address}`);
    const entry = await readOrRequest(this.#context, key);
    const record = entry && parseRecord(addressRecord, entry);
    if (!record) return free;
    const isOwn = record.claim === id || unfinished.has(unfinishedKey(key, record.claim));
    if (isTakeable(record, host.id) || isOwn) return { ...free, over: entry.revision };
    const holder = await findHolder(store, record);
    throw new XnetError('IN_USE', `address ${address} is held by ${holder}; choose another`);
  }

  #count(claim: Claim): void {
    this.counts.claims += 1;
    this.counts.refusals += claim.refusals;
  }
}

/** Finds what the former daemon claimed for the same request. The view was opened after its end, so it has the claim. */
function findClaimed({ addresses }: PoolView, id: string): KnownAddress | undefined {
  return [...addresses.all()].find(
    ({ record }) => record && stateOf(record) !== 'resting' && record.claim === id,
  );
}

/** Chooses the address that has been in this host's reserve longest. Throws STORE_UNAVAILABLE when the reserve is empty. */
function chooseAway(store: Store, view: PoolView, pool: PoolReference, hostId: string): Pick {
  const pick = noteInFlight(view, findReserved(view, automaticSpan(pool.subnet, pool.range), hostId));
  if (pick) return pick;
  const what = `this host has no address of pool ${showPool(pool)} left in reserve, and can claim none`;
  throw awayError(store, what);
}

/**
 * In this order: a free address, the longest-resting, one of this host's reserve, one that another host gives back from
 * its reserve. Throws EXHAUSTED only after the pool was read from the store.
 */
async function chooseNext(
  view: PoolView,
  pool: PoolReference,
  hostId: string,
  refusals: number,
): Promise<Pick> {
  if (refusals > 0) view.noteRefusal();
  // What this host knows may be old: its watch may have lost the store.
  if (refusals % 4 === 3) await view.refresh();
  const span = automaticSpan(pool.subnet, pool.range);
  const choose = () => noteInFlight(view, findPick(view, pool, span) ?? findReserved(view, span, hostId));
  const pick = choose();
  if (pick) return pick;
  await view.refresh();
  for (const until = performance.now() + RETURN_MS; ; await sleep(RETURN_LOOK_MS)) {
    const later = choose();
    if (later) return later;
    if (!isAnyReserved(view, span) || performance.now() >= until) throw exhausted(view, pool, span);
  }
}

/** Without an await before it, so that no other request of this process chooses the same address. */
function noteInFlight(view: PoolView, pick: Pick | undefined): Pick | undefined {
  if (pick) view.inFlight.add(pick.address);
  return pick;
}

function findReserved({ addresses, inFlight }: PoolView, span: Span, hostId: string): Pick | undefined {
  const reserved = reservedBy(hostId, addresses.all());
  const pick = reserved.find(({ address }) => isWithin(span, address) && !inFlight.has(address));
  return pick && { address: pick.address, over: pick.revision, fromReserve: true };
}

function isAnyReserved({ addresses }: PoolView, span: Span): boolean {
  return [...addresses.all()].some(
    ({ address, record }) => record && stateOf(record) === 'reserved' && isWithin(span, address),
  );
}

function findPick(
  { addresses, inFlight, spread }: PoolView,
  { highestFirst }: PoolReference,
  span: Span,
): Pick | undefined {
  const skip = spread === 0 ? 0 : Math.floor(Math.random() * (spread + 1));
  const isTaken = (address: bigint) => addresses.has(address) || inFlight.has(address);
  const free = highestFirst
    ? chooseHighest(span, isTaken, skip)
    : chooseFree(span, isTaken, addresses.lastHandedOut, skip);
  if (free !== undefined) return { address: free };
  const resting = [...addresses.all()].filter(
    ({ address, record }) => record && stateOf(record) === 'resting' && !inFlight.has(address),
  );
  const longest = chooseResting(span, resting, skip);
  return longest && { address: longest.address, over: longest.revision };
}

function exhausted(view: PoolView, pool: PoolReference, span: Span): XnetError {
  const inUse = [...view.addresses.all()].filter(({ address }) => isWithin(span, address)).length;
  const range = pool.range ? `range ${pool.range} of pool ${showPool(pool)}` : `pool ${showPool(pool)}`;
  const remedy = pool.range ? 'a wider --ip-range' : 'a larger --subnet';
  return new XnetError(
    'EXHAUSTED',
    `no address is free in ${range}: all ${inUse} that xnet may hand out are in use; ` +
      `remove containers, or make the network again with ${remedy}`,
    { inUse },
  );
}
