/** Removes what a pool reference has in the store. */

import { addressRecord, stateOf, withoutReference } from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { findRecord, formatRecord } from '../../model/record.js';
import type { Condition, Entry, Write } from '../../store/store.js';
import { transact } from '../../store/transact.js';
import type { IpamContext } from '../ipam-context.js';
import type { PoolReference } from '../pool-id.js';
import { formatPoolKey } from '../pool-name.js';

/** Below the number of operations that a store takes in one commit. */
const BATCH = 100;

/**
 * Takes the reference from every address of its pool, and frees those that nobody else holds. When the pool is gone,
 * removes its resting addresses as well. Idempotent.
 */
export async function sweepReference(
  { store, transactions }: IpamContext,
  pool: PoolReference,
): Promise<void> {
  const poolKey = formatPoolKey(pool);
  let more = true;
  while (more) {
    more = await transact(
      store,
      async () => {
        const isPoolThere = (await store.get(keys.pool(poolKey))) !== undefined;
        const { entries } = await store.list(keys.addressesOf(poolKey));
        const steps = entries.flatMap((entry) => planSweep(entry, pool.reference, isPoolThere) ?? []);
        if (steps.length === 0) return { result: false };
        const batch = steps.slice(0, BATCH);
        const poolGone: Condition = { key: keys.pool(poolKey), is: 'absent' };
        return {
          result: steps.length > BATCH,
          conditions: [...batch.map(({ condition }) => condition), ...(isPoolThere ? [] : [poolGone])],
          writes: batch.map(({ write }) => write),
        };
      },
      transactions,
    );
  }
}

/** The write for one address; undefined when there is nothing to do, or its record cannot be read. */
export function planSweep(
  entry: Entry,
  reference: string,
  isPoolThere: boolean,
): { condition: Condition; write: Write } | undefined {
  const { key, revision } = entry;
  const condition: Condition = { key, is: 'at', revision };
  const record = findRecord(addressRecord, entry);
  if (!record) return undefined;
  const left = withoutReference(record, reference);
  const isHeld = left.references.length < record.references.length;
  if (isHeld && left.references.length > 0)
    return { condition, write: { put: key, value: formatRecord(left) } };
  const isLeftOver = stateOf(record) === 'resting' && !isPoolThere;
  return isHeld || isLeftOver ? { condition, write: { remove: key } } : undefined;
}
