import { isXnetError } from '../../errors.js';
import type { IpAddress } from '../../inet/ip-address.js';
import { type AddressRecord, stateOf, withoutHold } from '../../model/address.js';
import type { Write } from '../../store/store.js';
import { type AddressEntry, addressKey, putAddress, readAddress } from '../address-entry.js';
import type { Hold } from '../hold.js';
import { type IpamContext, unfinishedKey } from '../ipam-context.js';

/** Result of a release. `boundTo`: the id of the endpoint that still has the address. */
export interface Released {
  readonly boundTo?: string;
}

/** True when the caller holds the address. */
type IsHeld = (record: AddressRecord) => boolean;

/**
 * Ends the hold on an address. An endpoint's address goes to rest; a gateway or auxiliary is freed with its last hold.
 * An address that is not held stays as it is, and so does one that is bound to an endpoint. One that the cluster
 * releases while an endpoint has it rests when the endpoint is removed.
 *
 * Idempotent. When the store does not answer, the release is done later, because Docker does not repeat the call.
 */
export async function releaseAddress(
  context: IpamContext,
  hold: Hold,
  address: IpAddress,
): Promise<Released> {
  const key = addressKey(hold, address);
  const isHeld: IsHeld = (record) =>
    record.references.includes(hold.id) && stateOf(record) !== 'reserved' && !isKeptGateway(hold, record);
  const view = context.views.find(hold.poolKey);
  view?.stock.takeBack(address.value);
  view?.touch();
  const seen = view?.addresses.get(address.value);
  const held = seen?.record && isHeld(seen.record) ? { ...seen, record: seen.record } : undefined;
  try {
    return await releaseIf(context, key, hold, isHeld, held);
  } catch (error: unknown) {
    // The store has lost the lease of resting addresses; the next attempt grants another one.
    if (isXnetError(error, 'NOT_FOUND') && context.rests.forget())
      return releaseIf(context, key, hold, isHeld);
    if (held && isXnetError(error, 'STORE_UNAVAILABLE')) {
      const { claim } = held.record;
      const isSameClaim: IsHeld = (record) => isHeld(record) && record.claim === claim;
      context.unfinished.add(unfinishedKey(key, claim), () => releaseIf(context, key, hold, isSameClaim));
    }
    throw error;
  }
}

/** As `releaseAddress`, only if the address still has this claim; a failed one is not done later. */
export async function releaseClaim(
  context: IpamContext,
  hold: Hold,
  address: IpAddress,
  claim: string,
): Promise<void> {
  const isHeld: IsHeld = (record) => record.references.includes(hold.id) && record.claim === claim;
  await releaseIf(context, addressKey(hold, address), hold, isHeld);
}

/** `guess`: what the view has. It may be old: a commit is attempted with it, but nothing is concluded from it alone. */
async function releaseIf(
  context: IpamContext,
  key: string,
  hold: Hold,
  isHeld: IsHeld,
  guess?: AddressEntry,
): Promise<Released> {
  let first = guess?.record.endpointId === undefined ? guess : undefined;
  return context.transact<Released>(async () => {
    const held = first ?? (await readAddress(context.store, key));
    first = undefined;
    if (!held || stateOf(held.record) === 'resting' || !isHeld(held.record)) return { result: {} };
    const { revision, record } = held;
    if (record.endpointId !== undefined && !hold.isOfCluster)
      return { result: { boundTo: record.endpointId } };
    const write = await releaseWrite(context, held, hold);
    return { result: {}, conditions: [{ key, is: 'at', revision }], writes: [write] };
  });
}

async function releaseWrite(
  { rests }: IpamContext,
  { key, record }: AddressEntry,
  { id }: Hold,
): Promise<Write> {
  const state = stateOf(record);
  if (state === 'claimed' || state === 'reserved') return rests.restWrite(key, record);
  const left = withoutHold(record, id);
  if (state === 'shared' && left.references.length === 0) return { remove: key };
  return putAddress(key, left);
}

/**
 * The cluster's gateway stays as long as the cluster's hold on the pool: a manager also releases it when it rolls back
 * a second network of the same subnet.
 */
function isKeptGateway({ isOfCluster }: Hold, record: AddressRecord): boolean {
  return isOfCluster && stateOf(record) === 'shared';
}
