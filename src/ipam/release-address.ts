import { isXnetError } from '../errors.js';
import type { IpAddress } from '../inet/ip-address.js';
import { keys } from '../store/keys.js';
import { type AddressRecord, addressRecord, formatRecord, parseRecord } from '../store/records.js';
import type { Revision, Write } from '../store/store.js';
import { type Attempt, transact } from '../store/transact.js';
import { type IpamContext, unfinishedKey } from './ipam-context.js';
import type { PoolReference } from './pool-id.js';
import { formatPoolKey } from './pool-name.js';

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
 * reference. One that the reference does not hold stays as it is, and so does one that is bound to an endpoint.
 * Idempotent. When the store does not answer, it is tried again later: Docker does not ask twice.
 */
export async function releaseAddress(
  context: IpamContext,
  pool: PoolReference,
  address: IpAddress,
): Promise<Released> {
  const { reference } = pool;
  const key = keys.address(formatPoolKey(pool), `${address}`);
  const isHeld: IsHeld = (record) => record.references.includes(reference) && !record.reserve;
  const seen = context.views.find(formatPoolKey(pool))?.addresses.get(address.value);
  const held = seen?.record && isHeld(seen.record) ? { ...seen, record: seen.record } : undefined;
  try {
    return await releaseIf(context, key, reference, isHeld, held);
  } catch (error: unknown) {
    // The store has lost the lease of resting addresses; the next one is fresh.
    if (isXnetError(error, 'NOT_FOUND') && context.rests.forget())
      return releaseIf(context, key, reference, isHeld);
    if (held && isXnetError(error, 'STORE_UNAVAILABLE')) {
      const { claim } = held.record;
      const isSameClaim: IsHeld = (record) => isHeld(record) && record.claim === claim;
      context.unfinished.add(unfinishedKey(key, claim), () =>
        releaseIf(context, key, reference, isSameClaim),
      );
    }
    throw error;
  }
}

/** `guess`: what the view knows; good enough to commit by, never to refuse by. */
async function releaseIf(
  context: IpamContext,
  key: string,
  reference: string,
  isHeld: IsHeld,
  guess?: Held,
): Promise<Released> {
  const { store, views, transactions } = context;
  let first = guess?.record.endpointId === undefined ? guess : undefined;
  return transact(
    views,
    async (): Promise<Attempt<Released>> => {
      const entry = first ? undefined : await store.get(key);
      const held = entry ? { revision: entry.revision, record: parseRecord(addressRecord, entry) } : first;
      first = undefined;
      if (held?.record.state !== 'claimed' || !isHeld(held.record)) return { result: {} };
      const { revision, record } = held;
      if (record.endpointId !== undefined) return { result: { boundTo: record.endpointId } };
      const write = await releaseWrite(context, key, record, reference);
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
  const references = record.references.filter((other) => other !== reference);
  if (references.length === 0) return { remove: key };
  return { put: key, value: formatRecord({ ...record, references }) };
}
