import { readAll } from '../../admin/cluster.js';
import { hostRecord } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import type { Store } from '../../store/store.js';

export interface Others {
  /** Those that are alive, and so can be asked. */
  readonly hosts: readonly { readonly id: string; readonly name: string }[];
  /** The store is away: who is alive is not known, and nobody can be asked. As an answer shows it. */
  readonly refusals: readonly { readonly host: string; readonly refusal: string }[];
}

export const NO_OTHERS: Others = { hosts: [], refusals: [] };

/** All hosts but this one. Throws the store's errors. */
export async function livingOthers(
  store: Pick<Store, 'list' | 'description' | 'problem'>,
  hostId: string,
): Promise<Others> {
  const [hosts, alive] = await Promise.all([
    readAll(store, keys.hosts(), hostRecord),
    store.list(keys.aliveHosts()),
  ]);
  if (!hosts.isCurrent || alive.recalled) {
    const reason = store.problem ?? `${store.description} does not answer`;
    return { hosts: [], refusals: [{ host: 'other hosts', refusal: `not asked: ${reason}` }] };
  }
  const living = new Set(alive.entries.map(({ key }) => key));
  const others = hosts.records.filter(({ id }) => id !== hostId && living.has(keys.alive(id)));
  return { hosts: others, refusals: [] };
}
