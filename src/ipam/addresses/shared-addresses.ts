/**
 * Gateways and auxiliary addresses. Several hosts create the same network with the same ones, so each is held by all
 * references that requested it, and is freed with the last of them.
 */
import { XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import {
  type AddressRecord,
  addressRecord,
  isTakeable,
  parseAddressKey,
  shared,
} from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { findRecord, formatRecord, parseRecord } from '../../model/record.js';
import type { Entry } from '../../store/store.js';
import { asRead, transact } from '../../store/transact.js';
import { holderOf } from '../cluster-hold.js';
import { findHolder } from '../holder.js';
import type { IpamContext } from '../ipam-context.js';
import { type PoolReference, randomToken } from '../pool-id.js';
import { formatPoolKey } from '../pool-name.js';
import { chooseHighest } from '../pools/choose-address.js';
import { referenceKey } from '../pools/pool-entries.js';
import { automaticSpan, checkAddress, firstHost } from '../pools/subnet-rules.js';
import { readOrRequest } from '../reserve/address-requests.js';

export type SharedPurpose = 'gateway' | 'auxiliary';

export class SharedAddresses {
  readonly #context: IpamContext;

  constructor(context: IpamContext) {
    this.#context = context;
  }

  /**
   * Claims the gateway that the pool has. Without one: the first host address, or the highest free one in a pool with
   * `highestFirst`, since Docker's own IPAM may have given the first to a container. Two hosts that claim different
   * gateways at the same moment may both succeed. That is harmless: no container uses a gateway of xnet's.
   */
  async claimGateway(pool: PoolReference): Promise<IpAddress> {
    const { entries } = await this.#context.store.list(keys.addressesOf(formatPoolKey(pool)));
    const present = entries.find((entry) => findRecord(addressRecord, entry)?.purpose === 'gateway');
    const address = present ? addressOf(present) : newGateway(pool, entries.map(addressOf));
    return this.claim(pool, 'gateway', address);
  }

  /** Adds this reference to those that hold `address`. Idempotent. Throws INVALID, IN_USE, NOT_FOUND. */
  async claim(pool: PoolReference, purpose: SharedPurpose, address: IpAddress): Promise<IpAddress> {
    checkAddress(address, pool.subnet);
    const { store, host, transactions } = this.#context;
    const poolKey = formatPoolKey(pool);
    const key = keys.address(poolKey, `${address}`);
    const holdKey = referenceKey(pool, host);
    const holder = holderOf(pool, host);
    const claim = randomToken();
    return transact<IpAddress>(
      store,
      async () => {
        const [entry, reference] = await Promise.all([readOrRequest(this.#context, key), store.get(holdKey)]);
        if (!reference) throw new XnetError('NOT_FOUND', `this host no longer holds pool ${poolKey}`);
        const record = entry && parseRecord(addressRecord, entry);
        const before = record && isTakeable(record, host.id) ? undefined : record;
        const after = shared(before, holder, claim, { purpose, reference: pool.reference });
        if (!after) throw await this.#heldOtherwise(before, purpose, address);
        if (after === before) return { result: address };
        return {
          result: address,
          conditions: [{ key: holdKey, is: 'present' }, asRead(key, entry)],
          writes: [{ put: key, value: formatRecord(after) }],
        };
      },
      transactions,
    );
  }

  async #heldOtherwise(
    record: AddressRecord | undefined,
    purpose: SharedPurpose,
    address: IpAddress,
  ): Promise<XnetError> {
    const wanted = purpose === 'gateway' ? 'be the gateway' : 'be set aside (--aux-address)';
    const holder = record && (await findHolder(this.#context.store, record));
    return new XnetError('IN_USE', `address ${address} cannot ${wanted}: it is held by ${holder}`);
  }
}

function newGateway({ subnet, range, highestFirst }: PoolReference, used: readonly IpAddress[]): IpAddress {
  const taken = new Set(used.map(({ value }) => value));
  const highest =
    highestFirst && chooseHighest(automaticSpan(subnet, range), (address) => taken.has(address));
  return highest === undefined ? firstHost(subnet) : IpAddress.of(subnet.family, highest);
}

function addressOf({ key }: Entry): IpAddress {
  return IpAddress.parse(parseAddressKey(key)?.address ?? '');
}
