/** Addresses for endpoints: each held by one pool reference of one host. */
import { isXnetError, XnetError } from '../errors.js';
import { IpAddress } from '../inet/ip-address.js';
import { keys } from '../store/keys.js';
import { addressRecord, parseRecord } from '../store/records.js';
import { chooseFree, chooseHighest, chooseResting } from './choose-address.js';
import { Claim, type ClaimOptions, type Pick } from './claim.js';
import { findHolder } from './holder.js';
import type { IpamContext } from './ipam-context.js';
import type { KnownAddress } from './known-addresses.js';
import type { PoolReference, Request } from './pool-id.js';
import { formatPoolKey, showPool } from './pool-name.js';
import type { PoolView } from './pool-view.js';
import { automaticSpan, checkAddress, type Span } from './subnet-rules.js';

export class EndpointAddresses {
  /** Claims made, and commits refused on the way because another host was faster. */
  readonly counts = { claims: 0, refusals: 0 };
  readonly #context: IpamContext;

  constructor(context: IpamContext) {
    this.#context = context;
  }

  /**
   * The next free address (see choose-address.ts for the order), or the one that the same request has claimed
   * before. Throws EXHAUSTED, NOT_FOUND, STORE_CONFLICT, STORE_UNAVAILABLE.
   */
  async claimNext(pool: PoolReference, options: ClaimOptions, request: Request): Promise<IpAddress> {
    const view = await this.#context.views.open(pool);
    const earlier = request.repeated ? findClaimed(view, request.id) : undefined;
    if (earlier) return IpAddress.of(pool.subnet.family, earlier.address);
    const claim = new Claim(this.#context, pool, options, request.id);
    let pick: Pick | undefined;
    try {
      const address = await claim.take(async (refusals) => {
        if (pick) view.inFlight.delete(pick.address);
        pick = undefined;
        pick = await chooseNext(view, pool, refusals);
        return pick;
      });
      if (claim.refusals === 0) view.noteSuccess();
      return address;
    } catch (error: unknown) {
      // Docker's PoolID outlived its reference: nobody will close the view for it.
      if (isXnetError(error, 'NOT_FOUND')) await this.#context.views.close(pool);
      throw error;
    } finally {
      if (pick) view.inFlight.delete(pick.address);
      this.#count(claim);
    }
  }

  /** The address named. Throws INVALID, IN_USE naming the holder, and as claimNext. */
  async claimExplicit(
    pool: PoolReference,
    address: IpAddress,
    options: ClaimOptions,
    request: Request,
  ): Promise<IpAddress> {
    checkAddress(address, pool.subnet);
    const claim = new Claim(this.#context, pool, { ...options, explicit: true }, request.id);
    try {
      return await claim.take((refusals) => this.#takeable(pool, address, refusals, request));
    } finally {
      this.#count(claim);
    }
  }

  async #takeable(pool: PoolReference, address: IpAddress, refusals: number, { id }: Request): Promise<Pick> {
    const known = this.#context.views.find(formatPoolKey(pool))?.addresses.get(address.value);
    const free = { address: address.value };
    if (refusals === 0 && !known) return free;
    const entry = await this.#context.store.get(keys.address(formatPoolKey(pool), `${address}`));
    if (!entry) return free;
    const record = parseRecord(addressRecord, entry);
    const isOwn = record.claim === id || this.#context.unfinished.has(record.claim);
    if (record.state === 'resting' || isOwn) return { ...free, over: entry.revision };
    const holder = await findHolder(this.#context.store, record);
    throw new XnetError('IN_USE', `address ${address} is held by ${holder}; choose another`);
  }

  #count(claim: Claim): void {
    this.counts.claims += 1;
    this.counts.refusals += claim.refusals;
  }
}

/** A claim of the daemon before this one. The view was opened after that had ended, so it knows. */
function findClaimed({ addresses }: PoolView, id: string): KnownAddress | undefined {
  return [...addresses.all()].find(({ record }) => record?.state === 'claimed' && record.claim === id);
}

/** Free ones first, then the longest-resting; says EXHAUSTED only after reading the pool anew. */
async function chooseNext(view: PoolView, pool: PoolReference, refusals: number): Promise<Pick> {
  if (refusals > 0) view.noteRefusal();
  // What this host knows may be old: its watch may have lost the store.
  if (refusals % 4 === 3) await view.refresh();
  const span = automaticSpan(pool.subnet, pool.range);
  const pick = pickFrom(view, pool, span);
  if (pick) return pick;
  await view.refresh();
  const later = pickFrom(view, pool, span);
  if (later) return later;
  throw exhausted(view, pool, span);
}

/** Notes its choice as in flight at once, so that no other request of this process makes the same. */
function pickFrom(view: PoolView, pool: PoolReference, span: Span): Pick | undefined {
  const pick = findPick(view, pool, span);
  if (pick) view.inFlight.add(pick.address);
  return pick;
}

function findPick(
  { addresses, inFlight, spread }: PoolView,
  { fromTop }: PoolReference,
  span: Span,
): Pick | undefined {
  const skip = spread === 0 ? 0 : Math.floor(Math.random() * (spread + 1));
  const isTaken = (address: bigint) => addresses.has(address) || inFlight.has(address);
  const free = fromTop
    ? chooseHighest(span, isTaken, skip)
    : chooseFree(span, isTaken, addresses.lastHandedOut, skip);
  if (free !== undefined) return { address: free };
  const resting = [...addresses.all()].filter(
    ({ address, record }) => record?.state === 'resting' && !inFlight.has(address),
  );
  const longest = chooseResting(span, resting, skip);
  return longest && { address: longest.address, over: longest.revision };
}

function exhausted(view: PoolView, pool: PoolReference, span: Span): XnetError {
  const within = ({ address }: Pick) => address >= span.first && address <= span.last;
  const inUse = [...view.addresses.all()].filter(within).length;
  const range = pool.range ? `range ${pool.range} of pool ${showPool(pool)}` : `pool ${showPool(pool)}`;
  const remedy = pool.range ? 'a wider --ip-range' : 'a larger --subnet';
  return new XnetError(
    'EXHAUSTED',
    `no address is free in ${range}: all ${inUse} that xnet may hand out are in use; ` +
      `remove containers, or make the network again with ${remedy}`,
    { inUse },
  );
}
