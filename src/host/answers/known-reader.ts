import type { Snapshot, Store } from '../../store/store.js';

/** Reads for people: while the store is away, at once what this host knows, which may not be all. */
export function knownReader(store: Store): Pick<Store, 'list' | 'count'> {
  const known = (prefix: string) => (store.problem === undefined ? undefined : store.recallPart?.(prefix));
  return {
    list: async (prefix, options): Promise<Snapshot> => {
      const recall = (): Snapshot | undefined => {
        const entries = known(prefix);
        return entries && { revision: 0, entries, recalled: true };
      };
      return (
        recall() ??
        store.list(prefix, options).catch((error: unknown) => {
          // It may be this call that has found out that the store is away.
          const recalled = recall();
          if (recalled) return recalled;
          throw error;
        })
      );
    },
    count: async (prefix) => known(prefix)?.length ?? store.count(prefix),
  };
}
