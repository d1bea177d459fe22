import { isXnetError, XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import type { AddressOfEndpoint } from '../../model/address.js';
import { putEndpoint, removeEndpoint } from '../../model/by-host.js';
import { type EndpointRecord, endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import type { NetworkRecord } from '../../model/network.js';
import { parseRecord } from '../../model/record.js';
import type { CommitPart } from '../../store/store.js';
import { type Attempt, transact } from '../../store/transact.js';
import type { AddressBook } from '../collaborators.js';
import type { LocalNetworks } from '../local-networks.js';
import { isDerivedMac, type MacClaimsParts, planMacClaim, planMacRelease } from './mac-claims.js';

export interface EndpointRecordsParts extends MacClaimsParts {
  readonly hostId: string;
  readonly local: LocalNetworks;
  readonly addressBook: AddressBook;
}

/** The records of this host's endpoints in the store, each with its addresses and the claim of its MAC. */
export class EndpointRecords {
  readonly #parts: EndpointRecordsParts;

  constructor(parts: EndpointRecordsParts) {
    this.#parts = parts;
  }

  /** This host's endpoint, if it is in one of the networks. Throws the store's errors. */
  async find(endpointId: string, networkIds: readonly string[]): Promise<EndpointRecord | undefined> {
    const { store, hostId } = this.#parts;
    const found = await Promise.all(networkIds.map((id) => store.get(keys.endpoint(id, endpointId))));
    const records = found.flatMap((entry) => (entry ? parseRecord(endpointRecord, entry) : []));
    return records.find((record) => record.hostId === hostId);
  }

  /**
   * True when nobody else can have the addresses and the MAC of the endpoint: this host has claimed the addresses, and
   * the MAC follows from them.
   */
  isClaimed(network: NetworkRecord, endpoint: EndpointRecord): boolean {
    const { id, mac } = endpoint;
    const known = this.#parts.endpointsOf(network.id) ?? [];
    if (!isDerivedMac(endpoint) || known.some((other) => other.mac === mac && other.id !== id)) return false;
    return addressesOf(network, endpoint, false).every((each) => this.#parts.addressBook.isClaimed(each));
  }

  /** As AddressBook.refuseUsed. */
  refuseUsed(network: NetworkRecord, endpoint: EndpointRecord): Promise<void> {
    return this.#parts.addressBook.refuseUsed(addressesOf(network, endpoint, false));
  }

  /** One commit, with the addresses. Throws INVALID, IN_USE naming the holder of an address or the MAC, and the store's errors. */
  async commit(network: NetworkRecord, endpoint: EndpointRecord): Promise<void> {
    const { store, addressBook } = this.#parts;
    const attempt = countRounds(async (isRepeated) => {
      const addresses = addressesOf(network, endpoint, isRepeated).map((each) => addressBook.bindPlan(each));
      const mac = planMacClaim(this.#parts, network, endpoint, isRepeated);
      const plans = await Promise.all([mac, ...addresses]);
      const record: CommitPart = {
        conditions: [{ key: keys.network(network.id), is: 'present' }],
        writes: putEndpoint(endpoint),
      };
      return { result: undefined, ...merge([record, ...plans]) };
    });
    await transact(store, attempt);
  }

  /** One commit that puts the addresses to rest. Idempotent. Throws the store's errors. */
  async remove(endpoint: EndpointRecord): Promise<void> {
    const attempt = countRounds((isRepeated) => this.#attemptRemoval(endpoint, isRepeated));
    const remove = () => transact(this.#parts.store, attempt);
    // NOT_FOUND: the lease of resting addresses has ended; at the second try the address book uses another one.
    await remove().catch((error: unknown) =>
      isXnetError(error, 'NOT_FOUND') ? remove() : Promise.reject(error),
    );
  }

  async #attemptRemoval(endpoint: EndpointRecord, isRepeated: boolean): Promise<Attempt<void>> {
    const { addressBook, local, store } = this.#parts;
    const network = local.findNetwork(endpoint.dockerNetworkId)?.record;
    const addresses = network ? addressesOf(network, endpoint, isRepeated) : [];
    const plans = await Promise.all(addresses.map((each) => addressBook.restPlan(each)));
    const mac = await planMacRelease(store, endpoint);
    const removal = { conditions: [], writes: removeEndpoint(endpoint) };
    return { result: undefined, ...merge([removal, mac, ...plans]) };
  }
}

/** Throws INVALID when no subnet of the network holds the address. */
export function poolKeyOf(network: NetworkRecord, address: IpAddress): string {
  const pool = network.pools.find(({ subnet }) => Prefix.parse(subnet).contains(address));
  if (pool) return pool.poolKey;
  const subnets = network.pools.map(({ subnet }) => subnet).join(' and ');
  throw new XnetError(
    'INVALID',
    `address ${address} is in no subnet of network ${network.name ?? network.id} (${subnets})`,
  );
}

function addressesOf(
  network: NetworkRecord,
  { id: endpointId, networkId, addresses }: EndpointRecord,
  isRepeated: boolean,
): AddressOfEndpoint[] {
  return addresses.map((address) => {
    const poolKey = poolKeyOf(network, IpAddress.parse(address));
    return { poolKey, address, endpointId, networkId, isRepeated };
  });
}

/** `isRepeated`: the attempt is not the first one. */
function countRounds<T>(attempt: (isRepeated: boolean) => Promise<T>): () => Promise<T> {
  let round = 0;
  return () => attempt(round++ > 0);
}

function merge(plans: readonly CommitPart[]): CommitPart {
  return {
    conditions: plans.flatMap((plan) => plan.conditions),
    writes: plans.flatMap((plan) => plan.writes),
  };
}
