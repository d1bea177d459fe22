/** The twins of endpoints that hosts have left in a network: they go with the network. */
import { keys } from '../../model/keys.js';
import type { Condition, Store, Write } from '../../store/store.js';

/** A host's twins are one operation. With all else that a network's removal writes: below the number that a store takes in a commit. */
const MOST_HOSTS = 100;

/**
 * The writes that remove the twins, for the commit that removes the network. Of more hosts than one commit can have, those of the
 * others are removed at once, in commits under the same `conditions`: where one fails, that of the network fails, too. Throws the
 * store's errors.
 */
export async function removeTwins(
  store: Pick<Store, 'commit'>,
  networkId: string,
  hostIds: readonly string[],
  conditions: readonly Condition[],
): Promise<Write[]> {
  const twins = hostIds.map((hostId) => ({ removePrefix: keys.hostEndpointsOf(hostId, networkId) }));
  for (let first = MOST_HOSTS; first < twins.length; first += MOST_HOSTS) {
    const { committed } = await store.commit(conditions, twins.slice(first, first + MOST_HOSTS));
    if (!committed) break;
  }
  return twins.slice(0, MOST_HOSTS);
}
