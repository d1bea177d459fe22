/** Networks that are removed on one host while containers of others use them: they stay. */
import { keys } from '../store/keys.js';
import { findRecord, type NetworkRecord, networkRecord } from '../store/records.js';
import type { Store } from '../store/store.js';
import type { OwnDeeds } from './collaborators.js';

/**
 * How long after the removal of a network here its name is left to whoever removed it, in ms: tools such as Compose create
 * it anew at once. After that it comes back where other hosts use it.
 */
export const SUCCESSOR_MS = 3000;

/**
 * What users of this host removed in the last SUCCESSOR_MS and others use, so that it stays. A network that a user creates
 * here now is most likely to be the same one. Throws the store's errors.
 */
export async function listKept(
  store: Store,
  deeds: Pick<OwnDeeds, 'findMarked' | 'isMaking'>,
): Promise<NetworkRecord[]> {
  // The mirror says what subnet it wants, or wants another one.
  if (deeds.isMaking) return [];
  const ids = [...deeds.findMarked(SUCCESSOR_MS).keys()];
  const kept = await Promise.all(ids.map((id) => findKept(store, id)));
  return kept.filter((record) => record !== undefined);
}

async function findKept(store: Store, networkId: string): Promise<NetworkRecord | undefined> {
  const entry = await store.get(keys.network(networkId));
  const record = entry && findRecord(networkRecord, entry);
  if (!record?.mirror?.removal) return record;
  const { entries } = await store.list(keys.endpointsOf(networkId));
  return entries.length > 0 ? record : undefined;
}
