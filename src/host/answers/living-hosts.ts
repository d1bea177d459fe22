import { Cluster, readAll } from '../../admin/cluster.js';
import { XnetError } from '../../errors.js';
import { hostRecord } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import type { Store } from '../../store/store.js';

/** The hosts that can be asked: those that are alive, but for this one. Throws STORE_UNAVAILABLE while the store is away. */
export async function livingOthers(
  store: Store,
  hostId: string,
): Promise<{ readonly id: string; readonly name: string }[]> {
  if (store.problem !== undefined)
    throw new XnetError('STORE_UNAVAILABLE', `the other hosts cannot be asked: ${store.problem}`);
  const cluster = await Cluster.read(store);
  const others = (await readAll(store, keys.hosts(), hostRecord)).records.filter(({ id }) => id !== hostId);
  return others.filter(({ id }) => cluster.hostOf(id).state === 'alive');
}
