import { XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import {
  type AddressRecord,
  addressRecord,
  bound,
  boundUnclaimed,
  type EndpointOfAddress,
  type Holder,
  stateOf,
  unbound,
} from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { formatRecord, parseRecord } from '../../model/record.js';
import type { CommitPart, Condition, Revision, Write } from '../../store/store.js';
import { ADDRESS_SPACES } from '../address-space.js';
import { findHolder } from '../holder.js';
import type { IpamContext } from '../ipam-context.js';
import { randomToken } from '../pool-id.js';
import { parsePoolKey } from '../pool-name.js';
import { checkAddress } from '../pools/subnet-rules.js';
import { readOrRequest } from '../reserve/address-requests.js';
import { awayError, usesReserve } from '../reserve/outage.js';

interface Held {
  readonly revision: Revision;
  readonly record: AddressRecord;
}

/**
 * Binds addresses to endpoints and releases them, as parts of the commits that create and remove the endpoints.
 *
 * The first plan for an address uses what this host knows of it. When a commit with that plan has failed, or its
 * outcome is unknown (`isRepeated`), the address is read from the store.
 */
export class AddressBook {
  readonly #context: IpamContext;

  constructor(context: IpamContext) {
    this.#context = context;
  }

  /** True when this host has claimed the address for an endpoint that is not created yet: `bindPlan` succeeds for it. */
  isClaimed({ poolKey, address }: { poolKey: string; address: string }): boolean {
    const known = this.#context.views.find(poolKey)?.findCertain(IpAddress.parse(address));
    const record = known?.record;
    return record !== undefined && stateOf(record) === 'claimed' && record.hostId === this.#context.host.id;
  }

  /**
   * Takes the address for the endpoint: one that this host claimed, or a free one (Docker's own IPAM chose it).
   * Throws INVALID, IN_USE naming the holder, STORE_UNAVAILABLE.
   */
  async bindPlan(binding: {
    poolKey: string;
    address: string;
    endpointId: string;
    networkId: string;
    isRepeated?: boolean;
  }): Promise<CommitPart> {
    const { key, address, held } = await this.#read(binding);
    const endpoint = { endpointId: binding.endpointId, networkId: binding.networkId };
    // Without a reference, Docker's own IPAM chose the address.
    if (!held || held.record.references.length === 0) this.#context.views.beginByDocker(binding.poolKey);
    if (!held) return plan({ key, is: 'absent' }, this.#claimWrite(key, endpoint));
    const condition: Condition = { key, is: 'at', revision: held.revision };
    const { record } = held;
    if (stateOf(record) === 'resting') {
      if (usesReserve(this.#context.store)) throw this.#mayBeTaken(address);
      return plan(condition, this.#claimWrite(key, endpoint));
    }
    if (record.endpointId === binding.endpointId) return { conditions: [condition], writes: [] };
    const after = bound(record, this.#holder, endpoint);
    if (!after) throw await this.#inUse(binding.poolKey, address, record);
    return plan(condition, putRecord(key, after));
  }

  /**
   * Puts the endpoint's address to rest; one that the cluster holds stays with the cluster. Empty when the endpoint no
   * longer has the address.
   */
  async restPlan(binding: {
    poolKey: string;
    address: string;
    endpointId: string;
    isRepeated?: boolean;
  }): Promise<CommitPart> {
    const { rests, keepsReleased } = this.#context;
    const { key, held } = await this.#read(binding);
    if (!held || stateOf(held.record) !== 'bound' || held.record.endpointId !== binding.endpointId)
      return { conditions: [], writes: [] };
    const condition: Condition = { key, is: 'at', revision: held.revision };
    const after = unbound(held.record);
    if (after) return plan(condition, putRecord(key, after));
    const isKept = held.record.references.length === 0 && keepsReleased(binding.poolKey);
    const write = isKept ? rests.keepWrite(key, held.record) : await rests.restWrite(key, held.record);
    return plan(condition, write);
  }

  async #read(binding: { poolKey: string; address: string; isRepeated?: boolean }) {
    const { poolKey, address: text, isRepeated = false } = binding;
    const address = IpAddress.parse(text);
    checkAddress(address, parsePoolKey(poolKey).subnet);
    const key = keys.address(poolKey, `${address}`);
    return { key, address, held: await this.#readHeld(poolKey, key, address, isRepeated) };
  }

  async #readHeld(
    poolKey: string,
    key: string,
    address: IpAddress,
    isRepeated: boolean,
  ): Promise<Held | undefined> {
    const { views, rests, host } = this.#context;
    // The store may have lost the lease of resting addresses.
    if (isRepeated) rests.forget();
    const known = isRepeated ? undefined : views.find(poolKey)?.findCertain(address);
    const record = known?.record;
    if (record && stateOf(record) !== 'resting' && record.hostId === host.id)
      return { revision: known.revision, record };
    const entry = await readOrRequest(this.#context, key);
    return entry && { revision: entry.revision, record: parseRecord(addressRecord, entry) };
  }

  get #holder(): Holder {
    const { id, name } = this.#context.host;
    return { hostId: id, hostName: name };
  }

  #claimWrite(key: string, endpoint: EndpointOfAddress): Write {
    return putRecord(key, boundUnclaimed(this.#holder, randomToken(), endpoint));
  }

  /** The rest may have ended during the outage, and another host may have the address. */
  #mayBeTaken(address: IpAddress): XnetError {
    return awayError(this.#context.store, `address ${address} was resting, and cannot be given`);
  }

  /** Docker's own IPAM takes the lowest address that it believes free, so another attempt fails the same way. */
  async #inUse(poolKey: string, address: IpAddress, record: AddressRecord): Promise<XnetError> {
    const holder = await findHolder(this.#context.store, record);
    const isGlobal = parsePoolKey(poolKey).space === ADDRESS_SPACES.global;
    const remedy = isGlobal
      ? 'start the container again, with another --ip if it was given one'
      : "Docker's own IPAM on this host does not know, and offers it again until it is free: give the container a free address (--ip), start it on another host, or create the network with --ipam-driver xnet";
    return new XnetError('IN_USE', `address ${address} is held by ${holder}; ${remedy}`, {
      address: `${address}`,
      hostId: record.hostId,
      endpointId: record.endpointId,
    });
  }
}

function plan(condition: Condition, write: Write): CommitPart {
  return { conditions: [condition], writes: [write] };
}

function putRecord(key: string, record: AddressRecord): Write {
  return { put: key, value: formatRecord(record) };
}
