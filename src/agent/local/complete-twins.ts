/**
 * Makes the twins of this host as its records are: after an upgrade from an xnet that writes none, and after each time that
 * such a one has run on the host in between.
 */
import { limitTo } from '../../concurrency/limit.js';
import { XnetError } from '../../errors.js';
import { recordKeyOf, twinKeyOf } from '../../model/by-host.js';
import { keys } from '../../model/keys.js';
import { parsePart } from '../../model/record.js';
import type { CommitPart, Entry, Store } from '../../store/store.js';
import { asRead } from '../../store/transact.js';
import { listHostRecords, type RecordsStore } from './host-records.js';

export type TwinsStore = RecordsStore & Pick<Store, 'get' | 'commit'>;

/** With two conditions each: below the number of operations that a store takes in one commit. */
const BATCH = 40;
/** An older xnet that has removed this host leaves all its twins, perhaps thousands: asked for at once, most would be late. */
const READS_AT_ONCE = 64;
/** This host's own calls may change a record meanwhile; that often would be a defect. */
const MOST_ROUNDS = 20;

/**
 * Resolves when each record of the host has its twin, and no twin is without its record. Idempotent. Throws STORE_CONFLICT and
 * the store's errors. `byKnown`: while the store is away the twins become own writes, as the records are known; only before any
 * call is answered.
 */
export async function completeTwins(
  store: TwinsStore,
  hostId: string,
  { byKnown = false } = {},
): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const { isRecalled, ...wanted } = await listWanted(store, hostId);
    if (isRecalled && !byKnown) throw new XnetError('STORE_UNAVAILABLE', 'the store has not answered');
    const plan = planTwins(wanted, await listTwins(store, hostId));
    // Not all that a condition names need be known, and nobody writes these records meanwhile.
    const parts = isRecalled ? plan.map(({ writes }) => ({ conditions: [], writes })) : plan;
    if (await commitAll(store, parts)) return;
  }
  throw new XnetError('STORE_CONFLICT', `the records of host ${hostId} change all the time; try again`);
}

/** To be called when the twins are complete: an older xnet has read all of these, and this one does not keep them up to date. */
export function forgetAllHosts(store: Pick<Store, 'forget'>): void {
  for (const kind of [keys.bindings(), keys.poolReferences(), keys.addresses(), keys.endpoints()])
    store.forget?.(kind);
}

/**
 * To be called once after an upgrade: an older xnet has read the endpoints of each network that the host has, and this one reads
 * only those of the networks in which it has an endpoint itself. Throws the store's errors.
 */
export async function forgetOthersNetworks(
  store: Pick<Store, 'list' | 'forget'>,
  hostId: string,
): Promise<void> {
  const { entries } = await store.list(keys.ofHost(hostId));
  const networksUnder = (prefix: string) =>
    entries.flatMap(({ key }) => (key.startsWith(prefix) && parsePart(key.split('/')[3] ?? '')) || []);
  const joined = new Set(networksUnder(keys.endpointsOfHost(hostId)));
  for (const networkId of networksUnder(keys.bindingsOfHost(hostId)))
    if (!joined.has(networkId)) store.forget?.(keys.endpointsOf(networkId));
}

/** False: some were refused, since their records have changed. */
async function commitAll(store: TwinsStore, parts: readonly CommitPart[]): Promise<boolean> {
  let isDone = true;
  for (let start = 0; start < parts.length; start += BATCH) {
    const some = parts.slice(start, start + BATCH);
    const conditions = some.flatMap((part) => part.conditions);
    const writes = some.flatMap((part) => part.writes);
    const { committed } = await store.commit(conditions, writes);
    isDone &&= committed;
  }
  return isDone;
}

/**
 * The changes that make `twins` as `wanted`, which has the record of each twin that there shall be by the twin's key.
 * `others`: the records, by the twin's key, that have another twin. Pure.
 */
function planTwins({ wanted, others }: Omit<Wanted, 'isRecalled'>, twins: ByTwinKey): CommitPart[] {
  const missing = [...wanted].flatMap(([key, record]): CommitPart[] => {
    const twin = twins.get(key);
    if (twin?.value === record.value) return [];
    const conditions = [asRead(record.key, record), asRead(key, twin)];
    return [{ conditions, writes: [{ put: key, value: record.value }] }];
  });
  const surplus = [...twins].flatMap(([key, twin]): CommitPart[] => {
    const record = recordKeyOf(key);
    if (record === undefined || wanted.has(key)) return [];
    const conditions = [asRead(record, others.get(key)), asRead(key, twin)];
    return [{ conditions, writes: [{ remove: key }] }];
  });
  return [...missing, ...surplus];
}

type ByTwinKey = ReadonlyMap<string, Entry>;
interface Wanted {
  readonly wanted: ByTwinKey;
  readonly others: ByTwinKey;
  readonly isRecalled: boolean;
}

async function listWanted(store: TwinsStore, hostId: string): Promise<Wanted> {
  const { bindings, holds, endpoints, isRecalled } = await listHostRecords(store, hostId);
  const listed = byTwinKey([...bindings, ...holds, ...endpoints], hostId);
  if (isRecalled) return { wanted: listed, others: new Map(), isRecalled };
  // Of networks that are gone not all is listed.
  const unlisted = [...(await listTwins(store, hostId)).keys()].filter((key) => !listed.has(key));
  const limit = limitTo(READS_AT_ONCE);
  const read = await Promise.all(unlisted.map((key) => limit(() => readRecord(store, key))));
  const found = read.flatMap((each) => each ?? []);
  // One that cannot be read, since a newer xnet wrote it, has the twin that it had.
  const isTwin = ([key, record]: readonly [string, Entry]) => (twinKeyOf(record) ?? key) === key;
  const wanted = new Map([...listed, ...found.filter(isTwin)]);
  return { wanted, others: new Map(found.filter((each) => !isTwin(each))), isRecalled };
}

/** With the key of its twin. */
async function readRecord(
  store: TwinsStore,
  twinKey: string,
): Promise<[readonly [string, Entry]] | undefined> {
  const key = recordKeyOf(twinKey);
  const record = key === undefined ? undefined : await store.get(key);
  return record && [[twinKey, record]];
}

async function listTwins(store: TwinsStore, hostId: string): Promise<ByTwinKey> {
  const { entries } = await store.list(keys.ofHost(hostId));
  return new Map(entries.map((entry) => [entry.key, entry]));
}

function byTwinKey(records: readonly Entry[], hostId: string): ByTwinKey {
  return new Map(
    records.flatMap((record) => {
      const key = twinKeyOf(record);
      return key?.startsWith(keys.ofHost(hostId)) ? [[key, record] as const] : [];
    }),
  );
}
