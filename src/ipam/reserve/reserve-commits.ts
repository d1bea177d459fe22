/**
 * The commits that fill and empty a reserve. Each is conditional on the addresses as they were read; when one is
 * refused, the next look tries again.
 */
import { isXnetError } from '../../errors.js';
import { reserved } from '../../model/address.js';
import type { PoolName } from '../../model/pool.js';
import type { CommitResult, Condition } from '../../store/store.js';
import { type AddressEntry, addressKey, putAddress } from '../address-entry.js';
import { type Hold, ownHoldKey, randomToken } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';
import type { PoolView } from '../pools/pool-view.js';

/** Below the number of operations that a store takes in one commit. */
const BATCH = 100;

/**
 * One commit; with a hold, on the condition that it is there. When another host was faster with one of the addresses,
 * the next look chooses others.
 */
export async function claimReserve(
  { store, host }: IpamContext,
  view: PoolView,
  pool: PoolName,
  chosen: readonly bigint[],
  hold?: Hold,
): Promise<CommitResult> {
  const chosenKeys = chosen.map((address) => addressKey(pool, address));
  const free = chosenKeys.map((key): Condition => ({ key, is: 'absent' }));
  const held: Condition[] = hold ? [{ key: ownHoldKey(hold, host), is: 'present' }] : [];
  const holdIds = hold ? [hold.id] : [];
  const writes = chosenKeys.map((key) => putAddress(key, reserved(host, randomToken(), holdIds)));
  return view.whileInFlight(chosen, () => store.commit([...held, ...free], writes));
}

/** Frees the addresses without a rest: their network is gone, or another host requests them. */
export async function removeOwn(context: IpamContext, own: readonly AddressEntry[]): Promise<void> {
  for (const { key, revision } of own) {
    const remove = () => context.store.commit([{ key, is: 'at', revision }], [{ remove: key }]);
    await context.views.whileInFlight([key], remove);
  }
}

/**
 * Puts the addresses to rest, in batches. A batch is refused when one of its addresses has changed; the next look tries
 * again.
 */
export async function giveBack(context: IpamContext, own: readonly AddressEntry[]): Promise<void> {
  const { store, rests, views } = context;
  for (let start = 0; start < own.length; start += BATCH) {
    const some = own.slice(start, start + BATCH);
    const conditions = some.map(({ key, revision }): Condition => ({ key, is: 'at', revision }));
    const rest = async () => {
      const writes = await Promise.all(some.map(({ key, record }) => rests.restWrite(key, record)));
      await store.commit(conditions, writes);
    };
    const addressKeys = some.map(({ key }) => key);
    try {
      await views.whileInFlight(addressKeys, rest);
    } catch (error: unknown) {
      // The store has lost the lease; the next one is fresh.
      if (isXnetError(error, 'NOT_FOUND')) rests.forget();
      throw error;
    }
  }
}
