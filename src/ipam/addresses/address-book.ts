import { XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { keys } from '../../store/keys.js';
import { type AddressRecord, addressRecord, formatRecord, parseRecord } from '../../store/records.js';
import type { Condition, Revision, Write } from '../../store/store.js';
import { ADDRESS_SPACES } from '../address-space.js';
import { CLUSTER, isClusters } from '../cluster-hold.js';
import { findHolder } from '../holder.js';
import type { IpamContext } from '../ipam-context.js';
import { randomToken } from '../pool-id.js';
import { parsePoolKey } from '../pool-name.js';
import { checkAddress } from '../pools/subnet-rules.js';
import { awayError } from '../reserve/away.js';
import { readAsked } from '../reserve/wishes.js';

/** Conditions and writes to be added to a commit of the caller's own. */
export interface AddressPlan {
  readonly conditions: readonly Condition[];
  readonly writes: readonly Write[];
}

interface Held {
  readonly revision: Revision;
  readonly record: AddressRecord;
}

/**
 * Ties addresses to endpoints, as parts of the commits that make and remove the endpoints themselves.
 *
 * A plan rests on what this host knows of the address; when the same is asked for again before `noteCommitted`
 * told of a commit, the first plan has failed, and the address is read anew.
 */
export class AddressBook {
  readonly #context: IpamContext;
  /** Keys of addresses whose last plan has not been committed, as far as we were told. */
  readonly #open = new Set<string>();

  constructor(context: IpamContext) {
    this.#context = context;
  }

  /** This host has claimed the address for an endpoint to come: `bindPlan` for it is sure to succeed. */
  isClaimed({ poolKey, address }: { poolKey: string; address: string }): boolean {
    const known = this.#context.views.find(poolKey)?.addresses.get(IpAddress.parse(address).value);
    const record = known?.record;
    return record?.state === 'claimed' && !record.reserve && this.#isOwnClaim(record);
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
  }): Promise<AddressPlan> {
    const { key, address, held } = await this.#read(binding);
    const endpoint = { endpointId: binding.endpointId, networkId: binding.networkId };
    // Whatever xnet's IPAM hands out a reference holds.
    if (!held || held.record.references.length === 0) this.#context.views.beginByDocker(binding.poolKey);
    if (!held) return this.#propose({ key, is: 'absent' }, this.#claimWrite(key, endpoint));
    const condition: Condition = { key, is: 'at', revision: held.revision };
    const { record } = held;
    if (record.state === 'resting') {
      if (this.#context.store.away) throw this.#mayBeTaken(address);
      return this.#propose(condition, this.#claimWrite(key, endpoint));
    }
    if (record.endpointId === binding.endpointId) return { conditions: [condition], writes: [] };
    if (isClusters(record) && record.endpointId === undefined) {
      const { name: hostName } = this.#context.host;
      return this.#propose(condition, putRecord(key, { ...record, ...endpoint, hostName }));
    }
    if (!this.#isOwnClaim(record)) throw await this.#inUse(binding.poolKey, address, record);
    const { reserve: _, ...claimed } = record;
    return this.#propose(condition, putRecord(key, { ...claimed, ...endpoint }));
  }

  /**
   * Puts the endpoint's address to rest, or gives it back to the cluster, which holds it on; no conditions and no
   * writes when it is no longer the endpoint's.
   */
  async restPlan(binding: { poolKey: string; address: string; endpointId: string }): Promise<AddressPlan> {
    const { rests, keepsReleased } = this.#context;
    const { key, held } = await this.#read(binding);
    if (held?.record.state !== 'claimed' || held.record.endpointId !== binding.endpointId) {
      return { conditions: [], writes: [] };
    }
    if (isClusters(held.record) && held.record.references.length > 0) {
      const { endpointId: _, networkId: __, ...unbound } = held.record;
      const condition: Condition = { key, is: 'at', revision: held.revision };
      return this.#propose(condition, putRecord(key, { ...unbound, hostName: CLUSTER.name }));
    }
    const isKept = held.record.references.length === 0 && keepsReleased(binding.poolKey);
    const write = isKept ? rests.keepWrite(key, held.record) : await rests.restWrite(key, held.record);
    return this.#propose({ key, is: 'at', revision: held.revision }, write);
  }

  /** Tells of a commit, so that the next plan and the next choice of an address know of it at once. */
  noteCommitted(writes: readonly Write[], revision: Revision): void {
    this.#context.views.note(writes, revision);
    for (const write of writes)
      this.#open.delete('put' in write ? write.put : 'remove' in write ? write.remove : '');
  }

  async #read({ poolKey, address: text }: { poolKey: string; address: string }) {
    const address = IpAddress.parse(text);
    checkAddress(address, parsePoolKey(poolKey).subnet);
    const key = keys.address(poolKey, `${address}`);
    return { key, address, held: await this.#readHeld(poolKey, key, address) };
  }

  async #readHeld(poolKey: string, key: string, address: IpAddress): Promise<Held | undefined> {
    const { views, rests, host } = this.#context;
    const isRepeated = this.#open.has(key);
    if (isRepeated) rests.forget();
    const known = isRepeated ? undefined : views.find(poolKey)?.addresses.get(address.value);
    const isOwn = known?.record?.state === 'claimed' && known.record.hostId === host.id;
    if (isOwn) return { revision: known.revision, record: known.record };
    const entry = await readAsked(this.#context, key);
    this.#open.delete(key);
    return entry && { revision: entry.revision, record: parseRecord(addressRecord, entry) };
  }

  #propose(condition: Condition, write: Write): AddressPlan {
    this.#open.add(condition.key);
    return { conditions: [condition], writes: [write] };
  }

  #isOwnClaim({ hostId, purpose, endpointId }: AddressRecord): boolean {
    return hostId === this.#context.host.id && purpose === 'endpoint' && endpointId === undefined;
  }

  #claimWrite(key: string, endpoint: { endpointId: string; networkId: string }): Write {
    const { host } = this.#context;
    const record: AddressRecord = {
      ...{ version: 1, state: 'claimed', hostId: host.id, hostName: host.name, claim: randomToken() },
      ...{ references: [], purpose: 'endpoint', explicit: true, ...endpoint },
    };
    return { put: key, value: formatRecord(record) };
  }

  /** Its rest may have ended, and another host may have it. */
  #mayBeTaken(address: IpAddress): XnetError {
    return awayError(this.#context.store, `address ${address} was resting, and cannot be given`);
  }

  /** Docker's IPAM takes the lowest address it thinks free, so that another attempt ends the same. */
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

function putRecord(key: string, record: AddressRecord): Write {
  return { put: key, value: formatRecord(record) };
}
