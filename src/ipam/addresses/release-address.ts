import { isXnetError } from '../../errors.js';
import type { IpAddress } from '../../inet/ip-address.js';
import { keys } from '../../store/keys.js';
import { type AddressRecord, addressRecord, formatRecord, parseRecord } from '../../store/records.js';
import type { Revision, Write } from '../../store/store.js';
import { type Attempt, transact } from '../../store/transact.js';
import { isClusterHold } from '../cluster-hold.js';
import { type IpamContext, unfinishedKey } from '../ipam-context.js';
import type { PoolReference } from '../pool-id.js';
import { formatPoolKey } from '../pool-name.js';

/** What releasing an address came to; `boundTo` names the endpoint that still has it. */
export interface Released {
  readonly boundTo?: string;
}

interface Held {
  readonly revision: Revision;
  readonly record: AddressRecord;
}

/** Whether the one who releases holds the address. */
type IsHeld = (record: AddressRecord) => boolean;

/**
 * Takes the address from the reference: an endpoint's goes to rest, a gateway or auxiliary is freed with its last
 * reference. One that the reference does not hold stays as it is, and so does one that is bound to an endpoint; what the
 * cluster gives back while an endpoint has it rests when the endpoint goes. Idempotent. When the store does not answer, it is tried again later: Docker does not ask twice.
 */
export async function releaseAddress(
  context: IpamContext,
  pool: PoolReference,
  address: IpAddress,
): Promise<Released> {
  const { reference } = pool;
  const key = keys.address(formatPoolKey(pool), `${address}`);
  const isHeld: IsHeld = (record) =>
    record.references.includes(reference) && !record.reserve && !isKeptGateway(pool, record);
  const seen = context.views.find(formatPoolKey(pool))?.addresses.get(address.value);
  const held = seen?.record && isHeld(seen.record) ? { ...seen, record: seen.record } : undefined;
  try {
    return await releaseIf(context, key, pool, isHeld, held);
  } catch (error: unknown) {
    // The store has lost the lease of resting addresses; the next one is fresh.
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

/** The same, if the address still has this claim. */
export async function releaseClaim(
  context: IpamContext,
  pool: PoolReference,
  address: IpAddress,
  claim: string,
): Promise<void> {
  const isHeld: IsHeld = (record) => record.references.includes(pool.reference) && record.claim === claim;
  await releaseIf(context, keys.address(formatPoolKey(pool), `${address}`), pool, isHeld);
}

/** `guess`: what the view knows; good enough to commit by, never to refuse by. */
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
      if (held?.record.state !== 'claimed' || !isHeld(held.record)) return { result: {} };
      const { revision, record } = held;
      const isBound = record.endpointId !== undefined;
      if (isBound && !isClusterHold(pool)) return { result: { boundTo: record.endpointId as string } };
      const write = isBound
        ? withoutReference(key, record, pool.reference)
        : await releaseWrite(context, key, record, pool.reference);
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
  if (record.purpose === 'endpoint') return rests.restWrite(key, record);
  return record.references.length > 1 ? withoutReference(key, record, reference) : { remove: key };
}

function withoutReference(key: string, record: AddressRecord, reference: string): Write {
  const references = record.references.filter((other) => other !== reference);
  return { put: key, value: formatRecord({ ...record, references }) };
}

/** The cluster's goes with its hold on the pool: a manager that rolls back a second network of one subnet gives it back, too. */
function isKeptGateway(pool: PoolReference, { purpose }: AddressRecord): boolean {
  return isClusterHold(pool) && purpose !== 'endpoint';
}
