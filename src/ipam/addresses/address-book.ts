import { XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import {
  type AddressOfEndpoint,
  type AddressRecord,
  bound,
  boundUnclaimed,
  type EndpointOfAddress,
  stateOf,
  unbound,
} from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { ADDRESS_SPACES, parsePoolKey } from '../../model/pool.js';
import type { CommitPart, Write } from '../../store/store.js';
import { asRead } from '../../store/transact.js';
import { type AddressEntry, changeAddress, describeHolder, putAddress } from '../address-entry.js';
import { randomToken } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';
import type { LanDevices } from '../lan/lan-devices.js';
import { awayError, usesReserve } from '../outage.js';
import { checkAddress } from '../pools/subnet-rules.js';
import { readOrRequest } from '../reserve/address-requests.js';
import type { Reserves } from '../reserve/reserves.js';

/**
 * Binds addresses to endpoints and releases them, as parts of the commits that create and remove the endpoints.
 *
 * The first plan for an address uses what this host knows of it. When a commit with that plan has failed, or its
 * outcome is unknown (`isRepeated`), the address is read from the store.
 */
export class AddressBook {
  readonly #context: IpamContext;
  readonly #reserves: Reserves;
  readonly #devices: LanDevices;

  constructor(context: IpamContext, reserves: Reserves, devices: LanDevices) {
    this.#context = context;
    this.#reserves = reserves;
    this.#devices = devices;
  }

  /** As LanDevices.refuseUsed. */
  refuseUsed(wanted: readonly Pick<AddressOfEndpoint, 'poolKey' | 'address'>[]): Promise<void> {
    return this.#devices.refuseUsed(wanted);
  }

  /** True when this host has handed out the address for an endpoint that is not created yet: `bindPlan` succeeds for it. */
  isClaimed({ poolKey, address }: { poolKey: string; address: string }): boolean {
    const { views, host } = this.#context;
    const record = views.find(poolKey)?.findCertain(IpAddress.parse(address))?.record;
    if (record?.hostId !== host.hostId) return false;
    return stateOf(record) === 'claimed' || views.handedOut(keys.address(poolKey, address)) !== undefined;
  }

  /**
   * Takes the address for the endpoint: one that this host claimed, or a free one (Docker's own IPAM chose it).
   * Throws INVALID, IN_USE naming the holder, STORE_UNAVAILABLE.
   */
  async bindPlan(wanted: AddressOfEndpoint): Promise<CommitPart> {
    const { host, views, store } = this.#context;
    const { poolKey, endpointId, networkId } = wanted;
    const endpoint = { endpointId, networkId };
    const { key, held } = await this.#read(wanted);
    // Without a hold, Docker's own IPAM chose the address.
    if (!held || held.record.references.length === 0) views.beginByDocker(poolKey);
    if (!held || stateOf(held.record) === 'resting') {
      if (held && usesReserve(store)) throw this.#mayBeTaken(wanted.address);
      return { conditions: [asRead(key, held)], writes: [this.#claimWrite(key, endpoint)] };
    }
    if (held.record.endpointId === endpointId) return { conditions: [asRead(key, held)], writes: [] };
    const after = bound(held.record, host, endpoint);
    if (!after) throw await this.#inUse(wanted, held.record);
    const container = views.handedOut(key)?.container;
    return changeAddress(held, container === undefined ? after : { ...after, container });
  }

  /**
   * Puts the endpoint's address to rest; one that the cluster holds stays with the cluster. Empty when the endpoint no
   * longer has the address.
   */
  async restPlan(given: AddressOfEndpoint): Promise<CommitPart> {
    const { rests } = this.#context;
    const { key, held } = await this.#read(given);
    if (!held || stateOf(held.record) !== 'bound' || held.record.endpointId !== given.endpointId)
      return { conditions: [], writes: [] };
    const { record } = held;
    const after = unbound(record);
    if (after) return changeAddress(held, after);
    const isKept = record.references.length === 0 && this.#reserves.keepsReleased(given.poolKey);
    const write = isKept ? rests.keepWrite(key, record) : await rests.restWrite(key, record);
    return { conditions: [asRead(key, held)], writes: [write] };
  }

  async #read({ poolKey, address: text, isRepeated = false }: AddressOfEndpoint) {
    const { views, rests, host } = this.#context;
    const address = IpAddress.parse(text);
    checkAddress(address, parsePoolKey(poolKey).subnet);
    const key = keys.address(poolKey, `${address}`);
    // The store may have lost the lease of resting addresses.
    if (isRepeated) rests.forget();
    const known = isRepeated ? undefined : views.find(poolKey)?.findCertain(address);
    const record = known?.record;
    const isOwn = record && stateOf(record) !== 'resting' && record.hostId === host.hostId;
    const held: AddressEntry | undefined = isOwn
      ? { key, revision: known.revision, record }
      : await readOrRequest(this.#context, key);
    return { key, held };
  }

  #claimWrite(key: string, endpoint: EndpointOfAddress): Write {
    return putAddress(key, boundUnclaimed(this.#context.host, randomToken(), endpoint));
  }

  /** The rest may have ended during the outage, and another host may have the address. */
  #mayBeTaken(address: string): XnetError {
    return awayError(this.#context.store, `address ${address} was resting, and cannot be given`);
  }

  /** Docker's own IPAM takes the lowest address that it believes free, so another attempt fails the same way. */
  async #inUse({ poolKey, address }: AddressOfEndpoint, record: AddressRecord): Promise<XnetError> {
    const holder = await describeHolder(this.#context.store, record);
    const isGlobal = parsePoolKey(poolKey).space === ADDRESS_SPACES.global;
    const remedy = isGlobal
      ? 'start the container again, with another --ip if it was given one'
      : "Docker's own IPAM on this host does not know, and offers it again until it is free: give the container a free address (--ip), start it on another host, or create the network with --ipam-driver xnet";
    return new XnetError('IN_USE', `address ${address} is held by ${holder}; ${remedy}`, {
      address,
      hostId: record.hostId,
      endpointId: record.endpointId,
    });
  }
}
