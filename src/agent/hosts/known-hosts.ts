import { limitTo } from '../../concurrency/limit.js';
import { XnetError } from '../../errors.js';
import { quoted } from '../../inet/quoted.js';
import { addressRecord, endpointHolder } from '../../model/address.js';
import { bindingRecord } from '../../model/binding.js';
import { endpointRecord } from '../../model/endpoint.js';
import { type HostRecord, hostRecord, type KnownHost } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import { macRecord } from '../../model/mac.js';
import { poolReferenceRecord } from '../../model/pool.js';
import { findRecord } from '../../model/record.js';
import type { Entry } from '../../store/store.js';
import { isListable, listHostRecords, type RecordsStore } from '../local/host-records.js';
import { isHostId } from './host-identity.js';

/** What hosts have, by host id, once for each record. */
interface Had {
  readonly networks: Counts;
  readonly endpoints: Counts;
  /** Ids of hosts that have anything else. */
  readonly others?: readonly string[];
}
type Counts = ReadonlyMap<string, number>;

const HOSTS_AT_ONCE = 16;

/**
 * The hosts of the cluster, in the store's order of keys; while the store is away those that were last known, without what they
 * have. One without a record of its own, of which something is left, is among them where the cluster's records are few enough to be
 * listed. Throws the store's errors.
 */
export async function listKnownHosts(store: RecordsStore): Promise<KnownHost[]> {
  const { entries: alive, recalled } = await store.list(keys.aliveHosts());
  const found = (await store.list(keys.hosts())).entries.flatMap(
    (entry) => findRecord(hostRecord, entry) ?? [],
  );
  if (recalled)
    return found.filter(({ id }) => isHostId(id)).map(({ id, name, vtep }) => ({ id, name, vtep }));
  const kinds = [keys.bindings(), keys.endpoints(), keys.poolReferences(), keys.addresses(), keys.byHost()];
  const areFew = (await Promise.all(kinds.map((kind) => isListable(store, kind)))).every(Boolean);
  const { networks, endpoints, others = [] } = areFew ? await listHad(store) : await countHad(store, found);
  const records = new Map(found.map((record) => [record.id, record]));
  const ids = new Set([...records.keys(), ...networks.keys(), ...endpoints.keys(), ...others]);
  return [...ids].filter(isHostId).map((id) => {
    const record = records.get(id);
    return {
      id,
      ...(record && { name: record.name, vtep: record.vtep }),
      alive: alive.some(({ key }) => key === keys.alive(id)),
      endpoints: endpoints.get(id) ?? 0,
      networks: networks.get(id) ?? 0,
    };
  });
}

async function listHad(store: RecordsStore): Promise<Had> {
  const read = async (prefix: string, hostIdOf: (entry: Entry) => string | undefined) =>
    (await store.list(prefix, { once: true })).entries.flatMap((entry) => hostIdOf(entry) ?? []);
  const [bound, joined, holding, claiming, left] = await Promise.all([
    read(keys.bindings(), HOST_OF.binding),
    read(keys.endpoints(), HOST_OF.endpoint),
    read(keys.poolReferences(), HOST_OF.hold),
    read(keys.addresses(), HOST_OF.address),
    read(keys.byHost(), HOST_OF.twin),
  ]);
  return { networks: count(bound), endpoints: count(joined), others: [...holding, ...claiming, ...left] };
}

/** By their twins; of a host with an older xnet, which writes none, by its records. */
async function countHad(store: RecordsStore, hosts: readonly HostRecord[]): Promise<Had> {
  const limit = limitTo(HOSTS_AT_ONCE);
  const counts = await Promise.all(
    hosts.map(({ id, twins }) => limit(async () => [id, await countOf(store, id, twins)] as const)),
  );
  return {
    networks: new Map(counts.map(([id, { networks }]) => [id, networks])),
    endpoints: new Map(counts.map(([id, { endpoints }]) => [id, endpoints])),
  };
}

async function countOf(store: RecordsStore, hostId: string, twins: boolean | undefined) {
  if (twins)
    return {
      networks: await store.count(keys.bindingsOfHost(hostId)),
      endpoints: await store.count(keys.endpointsOfHost(hostId)),
    };
  const { bindings, endpoints } = await listHostRecords(store, hostId);
  return {
    networks: bindings.length,
    endpoints: endpoints.filter((entry) => HOST_OF.endpoint(entry) === hostId).length,
  };
}

function count(ids: readonly string[]): Counts {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** The one host with that name or id. Throws NOT_FOUND, and INVALID when several have the name. */
export function chooseHost(hosts: readonly KnownHost[], wanted: string): KnownHost {
  const byId = hosts.find(({ id }) => id === wanted);
  const named = byId ? [byId] : hosts.filter(({ name }) => name === wanted);
  const [host] = named;
  if (!host)
    throw new XnetError(
      'NOT_FOUND',
      `the cluster has no host with the name or id ${quoted(wanted)}; \`xnet host ls\` lists them`,
    );
  if (named.length === 1) return host;
  const ids = named.map(({ id }) => id).join(', ');
  throw new XnetError('INVALID', `${named.length} hosts are called ${quoted(wanted)}; give one's id: ${ids}`);
}

/** The host whose record it is; undefined: nobody's, or unreadable. */
export const HOST_OF = {
  binding: (entry: Entry) => findRecord(bindingRecord, entry)?.hostId,
  endpoint: (entry: Entry) => findRecord(endpointRecord, entry)?.hostId,
  mac: (entry: Entry) => findRecord(macRecord, entry)?.hostId,
  hold: (entry: Entry) => findRecord(poolReferenceRecord, entry)?.hostId,
  /** Left behind when an older xnet has removed the host. */
  twin: ({ key }: Entry) => key.split('/')[1],
  /** Nobody's is an address that rests, and a gateway, which is removed with the holds on pools. */
  address: (entry: Entry) => {
    const record = findRecord(addressRecord, entry);
    return record && endpointHolder(record);
  },
};
