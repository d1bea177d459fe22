/** Addresses as Docker requests them: each given through one or more holds on its pool. */
import { isXnetError, XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { type AddressRecord, isForeign, isTakeable, stateOf } from '../../model/address.js';
import { addressKey, describeHolder } from '../address-entry.js';
import type { Hold, Request } from '../hold.js';
import { type IpamContext, unfinishedKey } from '../ipam-context.js';
import type { LanDevices } from '../lan/lan-devices.js';
import { awayError, usesReserve } from '../outage.js';
import type { PoolView } from '../pools/pool-view.js';
import { checkAddress } from '../pools/subnet-rules.js';
import { readOrRequest } from '../reserve/address-requests.js';
import type { Reserves } from '../reserve/reserves.js';
import { type Choose, Claim, type ClaimOptions, type Pick } from './claim.js';
import { allUsed, chooseAway, chooseNext, findReserved, nextInTurn, SEARCH_MS } from './pick-address.js';
import { claimGateway, claimShared } from './shared-addresses.js';
import { describeStarting } from './starting.js';
import { reuseSwarmAddress } from './swarm-addresses.js';

export interface AddressRequest {
  /** Required for an auxiliary address. */
  readonly address?: IpAddress;
  readonly purpose: 'endpoint' | 'gateway' | 'auxiliary';
  /** Name of the container, where Docker sends it; for error messages. */
  readonly container?: string;
  /** In the global space: the caller may have been given this address before. */
  readonly isRepeatable?: boolean;
}

export class Addresses {
  /** Claims made for endpoints, and commits refused on the way because another host was faster. */
  readonly counts = { claims: 0, refusals: 0 };
  readonly #context: IpamContext;
  readonly #reserves: Reserves;
  readonly #devices: LanDevices;

  constructor(context: IpamContext, reserves: Reserves, devices: LanDevices) {
    this.#context = context;
    this.#reserves = reserves;
    this.#devices = devices;
  }

  /**
   * A gateway without an address is the one the pool has, else the first host address. Throws INVALID, IN_USE naming
   * the holder, EXHAUSTED, NOT_FOUND (the hold is gone), STORE_CONFLICT, STORE_UNAVAILABLE.
   */
  async request(hold: Hold, wanted: AddressRequest, request: Request): Promise<IpAddress> {
    const { address, purpose, container, isRepeatable = false } = wanted;
    if (purpose === 'endpoint') {
      const options = container === undefined ? {} : { container };
      if (!address) return this.#giveNext(hold, options, request);
      checkAddress(address, hold.subnet);
      if (await reuseSwarmAddress(this.#context, hold, address, isRepeatable)) return address;
      return this.#claimExplicit(hold, address, { ...options, explicit: true }, request);
    }
    if (address) return claimShared(this.#context, hold, purpose, address);
    if (purpose === 'gateway') return claimGateway(this.#context, hold);
    throw new XnetError('INVALID', 'an auxiliary address (--aux-address) must be named');
  }

  /**
   * The next address in turn (choose-address.ts has the order): from the stock, or else claimed. A repeated request gets
   * the address that it claimed before.
   */
  async #giveNext(hold: Hold, options: ClaimOptions, request: Request): Promise<IpAddress> {
    const { store, views } = this.#context;
    const view = await views.open(hold);
    const earlier = request.repeated ? findClaimed(view, request.id) : undefined;
    const known =
      earlier ?? (usesReserve(store) ? undefined : await this.#takeFromStock(view, hold, options));
    const address =
      known === undefined
        ? await this.#claimNext(view, hold, options, request)
        : IpAddress.of(hold.subnet.family, known);
    this.#reserves.noteGiven(view, hold);
    return address;
  }

  /** The next in stock that no device on the LAN has. */
  async #takeFromStock(view: PoolView, hold: Hold, { container }: ClaimOptions): Promise<bigint | undefined> {
    for (;;) {
      const address = view.stock.take(hold, container);
      if (address === undefined) return undefined;
      if (!(await this.#devices.isUsed(view, address, () => view.stock.next(hold)))) return address;
    }
  }

  /** As `choose` does, of what no device on the LAN has. Throws EXHAUSTED after SEARCH_MS, too. */
  async #chooseUnused(view: PoolView, hold: Hold, choose: () => Promise<Pick> | Pick): Promise<Pick> {
    for (const untilMs = performance.now() + SEARCH_MS; ; ) {
      const pick = await choose();
      if (!(await this.#devices.isUsed(view, pick.address, () => nextInTurn(view, hold)))) return pick;
      view.inFlight.delete(pick.address);
      if (performance.now() >= untilMs) throw allUsed(hold);
    }
  }

  /** Claims the next free address, while the store is away one of this host's reserve. */
  async #claimNext(view: PoolView, hold: Hold, options: ClaimOptions, { id }: Request): Promise<IpAddress> {
    const { store, host } = this.#context;
    const claim = () => new Claim(this.#context, hold, options, id);
    // Without a reserve the only way is to wait for the store: mostly another member of etcd answers soon.
    const hasReserve = () => usesReserve(store) && findReserved(view, hold, host.hostId) !== undefined;
    try {
      if (!hasReserve()) {
        const choose: Choose = (refusals) =>
          this.#chooseUnused(view, hold, () => chooseNext(view, hold, host.hostId, refusals));
        return await this.#take(view, claim(), choose, hasReserve);
      }
    } catch (error: unknown) {
      if (!isXnetError(error, 'STORE_UNAVAILABLE') || !usesReserve(store)) throw error;
    }
    const chooseOwn = () => chooseAway(store, view, hold, host.hostId);
    return this.#take(view, claim(), () => this.#chooseUnused(view, hold, chooseOwn));
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
      // The hold of Docker's PoolID is gone, so no release closes the view.
      if (isXnetError(error, 'NOT_FOUND')) await this.#context.views.close(claim.hold);
      throw error;
    } finally {
      if (pick) view.inFlight.delete(pick.address);
      this.#count(claim);
    }
  }

  /** Claims the address that the caller names. */
  async #claimExplicit(
    hold: Hold,
    address: IpAddress,
    options: ClaimOptions,
    { id }: Request,
  ): Promise<IpAddress> {
    const { store, views } = this.#context;
    const claim = new Claim(this.#context, hold, options, id);
    try {
      const take = () => claim.take((refusals) => this.#takeable(hold, address, refusals, id));
      const claimed = await views.whileInFlight([addressKey(hold, address)], take);
      // A pool in use has a reserve, which needs a view.
      views.begin(hold);
      return claimed;
    } catch (error: unknown) {
      if (!isXnetError(error, 'STORE_UNAVAILABLE') || !usesReserve(store)) throw error;
      throw awayError(store, `address ${address} cannot be claimed`);
    } finally {
      this.#count(claim);
    }
  }

  async #takeable(hold: Hold, address: IpAddress, refusals: number, requestId: string): Promise<Pick> {
    const { store, views, unfinished, host } = this.#context;
    const known = views.find(hold.poolKey)?.addresses.get(address.value);
    const free = { address: address.value };
    const starting = describeStarting(this.#context, addressKey(hold, address));
    if (starting !== undefined) throw heldBy(address, starting);
    if (refusals === 0 && !known && !usesReserve(store)) return free;
    const found = await readOrRequest(this.#context, addressKey(hold, address));
    if (!found) return free;
    const { key, revision, record } = found;
    const isOwn = record.claim === requestId || unfinished.has(unfinishedKey(key, record.claim));
    if (isTakeable(record, host.hostId) || isOwn) return { ...free, over: revision };
    const holder = await describeHolder(store, record);
    if (!isForeign(record)) throw heldBy(address, holder);
    if (await this.#devices.isStillUsed(hold.poolKey, address))
      throw heldBy(address, holder, 'choose another, or switch it off');
    return { ...free, over: revision };
  }

  #count(claim: Claim): void {
    this.counts.claims += 1;
    this.counts.refusals += claim.refusals;
  }
}

function heldBy(address: IpAddress, holder: string, remedy = 'choose another'): XnetError {
  return new XnetError('IN_USE', `address ${address} is held by ${holder}; ${remedy}`);
}

/** Finds what the former daemon claimed for the same request. The view was opened after its end, so it has the claim. */
function findClaimed({ addresses }: PoolView, claim: string): bigint | undefined {
  const isClaimed = (record: AddressRecord | undefined) =>
    record && stateOf(record) !== 'resting' && record.claim === claim;
  return [...addresses.values()].find(({ record }) => isClaimed(record))?.address;
}
