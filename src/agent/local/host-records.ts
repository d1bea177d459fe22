/** The records of any host: of one without an xnet that writes twins, of one that is to be removed. */
import { limitTo } from '../../concurrency/limit.js';
import { isXnetError } from '../../errors.js';
import { type BindingReference, bindingRecord, isBindingOf } from '../../model/binding.js';
import { keys } from '../../model/keys.js';
import { isHoldOf } from '../../model/pool.js';
import { findRecord, parsePart } from '../../model/record.js';
import type { Entry, Snapshot, Store } from '../../store/store.js';

export type RecordsStore = Pick<Store, 'list' | 'count'>;

export interface HostRecords {
  readonly bindings: readonly Entry[];
  readonly holds: readonly Entry[];
  /** All of the networks to which it has bindings, also those of other hosts. */
  readonly endpoints: readonly Entry[];
  /** True: some of it is what is known, the store itself has not answered. */
  readonly isRecalled: boolean;
}

/** A list of more may take longer than a host waits for its store. */
const MOST_LISTED = 10_000;
const LISTS_AT_ONCE = 64;

/**
 * One list of each kind, or where the cluster has too many for that, of each network and pool: then without bindings to
 * networks that are gone. Throws the store's errors.
 */
export async function listHostRecords(store: RecordsStore, hostId: string): Promise<HostRecords> {
  const bindings = await listKind(store, keys.bindings(), keys.networks(), (networkId) =>
    keys.bindingsOfHostIn(networkId, hostId),
  );
  const holds = await listKind(store, keys.poolReferences(), keys.pools(), (poolKey) =>
    keys.poolReferencesOfHost(poolKey, hostId),
  );
  const own = bindings.entries.filter(({ key }) => isBindingOf(key, hostId));
  const networkIds = new Set(own.map(networkOf));
  const isKnown = bindings.recalled === true;
  const endpoints = await listEach([...networkIds].map(keys.endpointsOf), (prefix) =>
    listEndpoints(store, prefix, isKnown),
  );
  const isRecalled = [bindings, holds, endpoints].some(({ recalled }) => recalled);
  return {
    bindings: own,
    holds: holds.entries.filter(({ key }) => isHoldOf(key, hostId)),
    endpoints: endpoints.entries,
    isRecalled,
  };
}

/** Whether all records of the kind, in the whole cluster, may be listed at once. */
export async function isListable(store: Pick<Store, 'count'>, kind: string): Promise<boolean> {
  return (await store.count(kind)) <= MOST_LISTED;
}

type Listed = Pick<Snapshot, 'entries' | 'recalled'>;

async function listKind(
  store: RecordsStore,
  kind: string,
  parents: string,
  prefixIn: (parent: string) => string,
): Promise<Listed> {
  if (await isListable(store, kind)) return store.list(kind, { once: true });
  const { entries } = await store.list(parents);
  const names = entries.flatMap(({ key }) => parsePart(key.slice(parents.length)) ?? []);
  return listEach(names.map(prefixIn), (prefix) => store.list(prefix, { once: true }));
}

async function listEach(
  prefixes: readonly string[],
  list: (prefix: string) => Promise<Listed>,
): Promise<Listed> {
  const limit = limitTo(LISTS_AT_ONCE);
  const lists = await Promise.all(prefixes.map((prefix) => limit(() => list(prefix))));
  const entries = lists.flatMap((each) => each.entries);
  return lists.some(({ recalled }) => recalled) ? { entries, recalled: true } : { entries };
}

/**
 * `isKnown`: the store is away. Then the list is empty for a network whose endpoints this host has never read: it has none
 * there, since it follows each network in which it has one.
 */
async function listEndpoints(store: RecordsStore, prefix: string, isKnown: boolean): Promise<Listed> {
  try {
    return await store.list(prefix, { once: true });
  } catch (error: unknown) {
    if (!isKnown || !isXnetError(error, 'STORE_UNAVAILABLE')) throw error;
    return { entries: [], recalled: true };
  }
}

/** By the key where the record cannot be read. */
function networkOf(entry: Entry): string {
  const binding: Pick<BindingReference, 'networkId'> | undefined = findRecord(bindingRecord, entry);
  return binding?.networkId ?? parsePart(entry.key.split('/')[1] ?? '') ?? '';
}
