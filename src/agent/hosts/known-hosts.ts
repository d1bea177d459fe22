import { XnetError } from '../../errors.js';
import { quoted } from '../../inet/quoted.js';
import { addressRecord, endpointHolder } from '../../model/address.js';
import { bindingRecord } from '../../model/binding.js';
import { endpointRecord } from '../../model/endpoint.js';
import { hostRecord, type KnownHost } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import { macRecord } from '../../model/mac.js';
import { poolReferenceRecord } from '../../model/pool.js';
import { findRecord } from '../../model/record.js';
import type { Entry, Store } from '../../store/store.js';
import { isHostId } from './host-identity.js';

/** Everything that is of hosts, in the store's order of keys; while the store is away what was last known. Throws the store's errors. */
export async function listKnownHosts(store: Pick<Store, 'list'>): Promise<KnownHost[]> {
  const { entries: alive, recalled } = await store.list(keys.aliveHosts());
  const read = async <T>(prefix: string, readOne: (entry: Entry) => T | undefined) =>
    (await store.list(prefix)).entries.flatMap((entry) => readOne(entry) ?? []);
  const [found, bound, joined, holding, claiming] = await Promise.all([
    read(keys.hosts(), (entry) => findRecord(hostRecord, entry)),
    read(keys.bindings(), HOST_OF.binding),
    read(keys.endpoints(), HOST_OF.endpoint),
    read(keys.poolReferences(), HOST_OF.hold),
    read(keys.addresses(), HOST_OF.address),
  ]);
  const records = new Map(found.map((record) => [record.id, record]));
  const ids = new Set([...records.keys(), ...bound, ...joined, ...holding, ...claiming]);
  return [...ids].filter(isHostId).map((id) => {
    const record = records.get(id);
    return {
      id,
      ...(record && { name: record.name, vtep: record.vtep }),
      ...(!recalled && { alive: alive.some(({ key }) => key === keys.alive(id)) }),
      endpoints: joined.filter((each) => each === id).length,
      networks: bound.filter((each) => each === id).length,
    };
  });
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
  /** Nobody's is an address that rests, and a gateway, which is removed with the holds on pools. */
  address: (entry: Entry) => {
    const record = findRecord(addressRecord, entry);
    return record && endpointHolder(record);
  },
};
