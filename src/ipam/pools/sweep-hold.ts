import { stateOf, withoutHold } from '../../model/address.js';
import { keys } from '../../model/keys.js';
import type { CommitPart, Condition, Entry } from '../../store/store.js';
import { changeAddress, findAddress } from '../address-entry.js';
import type { Hold } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';

/** Below the number of operations that a store takes in one commit. */
const BATCH = 100;

/**
 * Takes the hold from every address of its pool, and frees those that nobody else holds. When the pool is gone, removes
 * its resting addresses, and those of devices, as well. Idempotent.
 */
export async function sweepHold(context: IpamContext, { poolKey, id }: Hold): Promise<void> {
  const { store } = context;
  let more = true;
  while (more) {
    more = await context.transact(async () => {
      const isPoolThere = (await store.get(keys.pool(poolKey))) !== undefined;
      const { entries } = await store.list(keys.addressesOf(poolKey));
      const steps = entries.flatMap((entry) => planSweep(entry, id, isPoolThere) ?? []);
      if (steps.length === 0) return { result: false };
      const batch = steps.slice(0, BATCH);
      const poolGone: Condition = { key: keys.pool(poolKey), is: 'absent' };
      return {
        result: steps.length > BATCH,
        conditions: [...batch.flatMap(({ conditions }) => conditions), ...(isPoolThere ? [] : [poolGone])],
        writes: batch.flatMap(({ writes }) => writes),
      };
    });
  }
}

/** The change of one address; undefined when there is nothing to do, or its record cannot be read. */
function planSweep(entry: Entry, holdId: string, isPoolThere: boolean): CommitPart | undefined {
  const found = findAddress(entry);
  if (!found) return undefined;
  const { key, revision, record } = found;
  const left = withoutHold(record, holdId);
  const isHeld = left.references.length < record.references.length;
  if (isHeld && left.references.length > 0) return changeAddress(found, left);
  const isUnheld = stateOf(record) === 'resting' || stateOf(record) === 'foreign';
  const isLeftOver = isUnheld && !isPoolThere;
  if (!isHeld && !isLeftOver) return undefined;
  return { conditions: [{ key, is: 'at', revision }], writes: [{ remove: key }] };
}
