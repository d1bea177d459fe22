/**
 * The commits that fill and empty a reserve. Each is conditional on the addresses as they were read; when one is
 * refused, the next look tries again.
 */
import { isXnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import {
  type AddressRecord,
  addressRecord,
  parseAddressKey,
  reserved,
  stateOf,
} from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { findRecord, formatRecord } from '../../model/record.js';
import type { CommitResult, Condition, Entry, Revision, Write } from '../../store/store.js';
import type { IpamContext } from '../ipam-context.js';
import { randomToken } from '../pool-id.js';
import { formatPoolKey, type PoolName } from '../pool-name.js';
import type { PoolView } from '../pools/pool-view.js';

/** An address that this host holds, as it was read. */
export interface Own {
  readonly key: string;
  readonly revision: Revision;
  readonly record: AddressRecord;
}

/** Below the number of operations that a store takes in one commit. */
const BATCH = 100;

/** One commit. When another host was faster with one of the addresses, the next look chooses others. */
export async function claimReserve(
  { store, host }: IpamContext,
  { inFlight }: PoolView,
  pool: PoolName,
  chosen: readonly bigint[],
  references: readonly string[],
  ...conditions: readonly Condition[]
): Promise<CommitResult> {
  const free = chosen.map((address): Condition => ({ key: keyOf(pool, address), is: 'absent' }));
  const writes = chosen.map((address): Write => {
    const record = reserved({ hostId: host.id, hostName: host.name }, randomToken(), references);
    return { put: keyOf(pool, address), value: formatRecord(record) };
  });
  for (const address of chosen) inFlight.add(address);
  try {
    return await store.commit([...conditions, ...free], writes);
  } finally {
    for (const address of chosen) inFlight.delete(address);
  }
}

/** Frees the addresses without a rest: their network is gone, or another host requests them. */
export async function removeOwn({ store }: IpamContext, own: readonly Own[]): Promise<void> {
  for (const { key, revision } of own) {
    await store.commit([{ key, is: 'at', revision }], [{ remove: key }]);
  }
}

/**
 * Puts the addresses to rest, in batches. A batch is refused when one of its addresses has changed; the next look tries
 * again.
 */
export async function giveBack({ store, rests }: IpamContext, own: readonly Own[]): Promise<void> {
  for (let start = 0; start < own.length; start += BATCH) {
    const some = own.slice(start, start + BATCH);
    const conditions = some.map(({ key, revision }): Condition => ({ key, is: 'at', revision }));
    try {
      const writes = await Promise.all(some.map(({ key, record }) => rests.restWrite(key, record)));
      await store.commit(conditions, writes);
    } catch (error: unknown) {
      // The store has lost the lease; the next one is fresh.
      if (isXnetError(error, 'NOT_FOUND')) rests.forget();
      throw error;
    }
  }
}
export function ownAddress(entry: Entry, hostId: string): Own | undefined {
  const record = findRecord(addressRecord, entry);
  if (!record || stateOf(record) === 'resting' || record.hostId !== hostId) return undefined;
  return { key: entry.key, revision: entry.revision, record };
}

export function poolKeyOf({ key }: Own): string {
  return parseAddressKey(key)?.poolKey ?? '';
}

export function keyOf(pool: PoolName, address: bigint): string {
  return keys.address(formatPoolKey(pool), `${IpAddress.of(pool.subnet.family, address)}`);
}
