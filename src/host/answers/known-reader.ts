import type { Snapshot, Store } from '../../store/store.js';

/** Reads for people: while the store is away, at once what this host knows, which may not be all. */
export function knownReader(store: Store): Pick<Store, 'list' | 'count'> {
  const known = (prefix: string) => (store.problem === undefined ? undefined : store.recallPart?.(prefix));
  return {
    list: async (prefix, options): Promise<Snapshot> => {
      const entries = known(prefix);
      return entries ? { revision: 0, entries, recalled: true } : store.list(prefix, options);
    },
    count: async (prefix) => known(prefix)?.length ?? store.count(prefix),
  };
}
