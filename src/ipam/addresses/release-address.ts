import { isXnetError } from '../../errors.js';
import type { IpAddress } from '../../inet/ip-address.js';
import { type AddressRecord, addressRecord, stateOf, withoutReference } from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { formatRecord, parseRecord } from '../../model/record.js';
import type { Revision, Write } from '../../store/store.js';
import { type Attempt, transact } from '../../store/transact.js';
import { isClusterHold } from '../cluster-hold.js';
import { type IpamContext, unfinishedKey } from '../ipam-context.js';
import type { PoolReference } from '../pool-id.js';
import { formatPoolKey } from '../pool-name.js';

/** Result of a release. `boundTo`: the id of the endpoint that still has the address. */
export interface Released {
  readonly boundTo?: string;
}

interface Held {
  readonly revision: Revision;
  readonly record: AddressRecord;
}

/** True when the caller holds the address. */
type IsHeld = (record: AddressRecord) => boolean;

/**
 * Ends the reference's hold on an address. An endpoint's address goes to rest; a gateway or auxiliary is freed with its
 * last reference. An address that the reference does not hold stays as it is, and so does one that is bound to an
 * endpoint. One that the cluster releases while an endpoint has it rests when the endpoint is removed.
 *
 * Idempotent. When the store does not answer, the release is done later, because Docker does not repeat the call.
 */
export async function releaseAddress(
  context: IpamContext,
  pool: PoolReference,
  address: IpAddress,
): Promise<Released> {
  const { reference } = pool;
  const key = keys.address(formatPoolKey(pool), `${address}`);
  const isHeld: IsHeld = (record) =>
    record.references.includes(reference) && stateOf(record) !== 'reserved' && !isKeptGateway(pool, record);
  const seen = context.views.find(formatPoolKey(pool))?.addresses.get(address.value);
  const held = seen?.record && isHeld(seen.record) ? { ...seen, record: seen.record } : undefined;
  try {
    return await releaseIf(context, key, pool, isHeld, held);
  } catch (error: unknown) {
    // The store has lost the lease of resting addresses; the next attempt grants another one.
    if (isXnetError(error, 'NOT_FOUND') && context.rests.forget())
      return releaseIf(context, key, pool, isHeld);
    if (held && isXnetError(error, 'STORE_UNAVAILABLE')) {
      const { claim } = held.record;
      const isSameClaim: IsHeld = (record) => isHeld(record) && record.claim === claim;
      context.unfinished.add(unfinishedKey(key, claim), () => releaseIf(context, key, pool, isSameClaim));
    }
    throw error;
  }
}

/** As `releaseAddress`, only if the address still has this claim; a failed one is not done later. */
export async function releaseClaim(
  context: IpamContext,
  pool: PoolReference,
  address: IpAddress,
  claim: string,
): Promise<void> {
  const isHeld: IsHeld = (record) => record.references.includes(pool.reference) && record.claim === claim;
  await releaseIf(context, keys.address(formatPoolKey(pool), `${address}`), pool, isHeld);
}

/** `guess`: what the view has. It may be old: a commit is attempted with it, but nothing is concluded from it alone. */
async function releaseIf(
  context: IpamContext,
  key: string,
  pool: PoolReference,
  isHeld: IsHeld,
  guess?: Held,
): Promise<Released> {
  const { store, transactions } = context;
  let first = guess?.record.endpointId === undefined ? guess : undefined;
  return transact(
    store,
    async (): Promise<Attempt<Released>> => {
      const entry = first ? undefined : await store.get(key);
      const held = entry ? { revision: entry.revision, record: parseRecord(addressRecord, entry) } : first;
      first = undefined;
      if (!held || stateOf(held.record) === 'resting' || !isHeld(held.record)) return { result: {} };
      const { revision, record } = held;
      if (record.endpointId !== undefined && !isClusterHold(pool))
        return { result: { boundTo: record.endpointId } };
      const write = await releaseWrite(context, key, record, pool.reference);
      return { result: {}, conditions: [{ key, is: 'at', revision }], writes: [write] };
    },
    transactions,
  );
}

async function releaseWrite(
  { rests }: IpamContext,
  key: string,
  record: AddressRecord,
  reference: string,
): Promise<Write> {
  const state = stateOf(record);
  if (state === 'claimed' || state === 'reserved') return rests.restWrite(key, record);
  const left = withoutReference(record, reference);
  if (state === 'shared' && left.references.length === 0) return { remove: key };
  return { put: key, value: formatRecord(left) };
}

/**
 * The cluster's gateway stays as long as the cluster's hold on the pool: a manager also releases it when it rolls back
 * a second network of the same subnet.
 */
function isKeptGateway(pool: PoolReference, record: AddressRecord): boolean {
  return isClusterHold(pool) && stateOf(record) === 'shared';
}
