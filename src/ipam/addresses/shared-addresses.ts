/**
 * Gateways and auxiliary addresses. Several hosts create the same network with the same ones, so each belongs to all
 * holds that requested it, and is freed with the last of them.
 */
import { XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { addressRecord, isForeign, isTakeable, parseAddressKey, shared } from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { findRecord } from '../../model/record.js';
import type { Entry } from '../../store/store.js';
import { type Attempt, asRead } from '../../store/transact.js';
import { addressKey, describeHolder, putAddress } from '../address-entry.js';
import { type Hold, holderOf, ownHoldKey, randomToken } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';
import { chooseHighest } from '../pools/choose-address.js';
import { automaticSpan, checkAddress, firstHost } from '../pools/subnet-rules.js';
import { readOrRequest } from '../reserve/address-requests.js';
import { describeStarting } from './starting.js';

type SharedPurpose = 'gateway' | 'auxiliary';

/**
 * Claims the gateway that the pool has. Without one: the first host address, or the highest free one in a pool with
 * `highestFirst`, since Docker's own IPAM may have given the first to a container. Two hosts that claim different
 * gateways at the same moment may both succeed. That is harmless: no container uses a gateway of xnet's.
 */
export async function claimGateway(context: IpamContext, hold: Hold): Promise<IpAddress> {
  const { entries } = await context.store.list(keys.addressesOf(hold.poolKey));
  const present = entries.find((entry) => findRecord(addressRecord, entry)?.purpose === 'gateway');
  const address =
    (present && addressOf(present)) ??
    newGateway(
      hold,
      entries.flatMap((entry) => addressOf(entry) ?? []),
    );
  return claimShared(context, hold, 'gateway', address);
}

/** Adds this hold to those that have `address`. Idempotent. Throws INVALID, IN_USE, NOT_FOUND. */
export async function claimShared(
  context: IpamContext,
  hold: Hold,
  purpose: SharedPurpose,
  address: IpAddress,
): Promise<IpAddress> {
  const { store, host } = context;
  checkAddress(address, hold.subnet);
  const key = addressKey(hold, address);
  const ownKey = ownHoldKey(hold, host);
  const claim = randomToken();
  const attempt = async (): Promise<Attempt<IpAddress>> => {
    const starting = describeStarting(context, key);
    if (starting !== undefined) throw heldBy(starting, purpose, address);
    const [found, own] = await Promise.all([readOrRequest(context, key), store.get(ownKey)]);
    if (!own) throw new XnetError('NOT_FOUND', `this host no longer holds pool ${hold.poolKey}`);
    // The LAN's gateway is a device on it, and people set addresses of devices aside.
    const isFree = found && (isTakeable(found.record, host.hostId) || isForeign(found.record));
    const before = isFree ? undefined : found?.record;
    const after = shared(before, holderOf(hold, host), claim, { purpose, holdId: hold.id });
    if (!after) throw heldBy(before && (await describeHolder(store, before)), purpose, address);
    if (after === before) return { result: address };
    return {
      result: address,
      conditions: [{ key: ownKey, is: 'present' }, asRead(key, found)],
      writes: [putAddress(key, after)],
    };
  };
  return context.views.whileInFlight([key], () => context.transact(attempt));
}

function heldBy(holder: string | undefined, purpose: SharedPurpose, address: IpAddress): XnetError {
  const wanted = purpose === 'gateway' ? 'be the gateway' : 'be set aside (--aux-address)';
  return new XnetError('IN_USE', `address ${address} cannot ${wanted}: it is held by ${holder}`);
}

function newGateway({ subnet, range, highestFirst }: Hold, used: readonly IpAddress[]): IpAddress {
  const taken = new Set(used.map(({ value }) => value));
  const highest =
    highestFirst && chooseHighest(automaticSpan(subnet, range), (address) => taken.has(address));
  return highest === undefined ? firstHost(subnet) : IpAddress.of(subnet.family, highest);
}

/** undefined: its key is that of no address. */
function addressOf({ key }: Entry): IpAddress | undefined {
  const text = parseAddressKey(key)?.address;
  return text === undefined ? undefined : IpAddress.parse(text);
}
