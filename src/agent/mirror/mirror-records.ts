/** What the mirror writes into the store: each one idempotent, by compare-and-commit on the records it concerns. */
import { isDeepStrictEqual } from 'node:util';
import { XnetError } from '../../errors.js';
import { type BindingRecord, type BindingReference, bindingRecord, type Seen } from '../../model/binding.js';
import { putBinding } from '../../model/by-host.js';
import { endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import { type MirrorRecord, type NetworkRecord, networkRecord } from '../../model/network.js';
import { findRecord, formatRecord, parseRecord } from '../../model/record.js';
import type { Entry, Store, Write } from '../../store/store.js';
import { asRead, changeRecord, transact } from '../../store/transact.js';

/**
 * Makes the network a mirrored one and claims its name. Resolves to false, with nothing written, when the network is
 * no longer there or mirrored already. Throws EXISTS when another has the name.
 */
export async function publishMirror(
  store: Store,
  binding: BindingReference,
  mirror: MirrorRecord,
  seen: Seen,
): Promise<boolean> {
  let wrote = false;
  return transact(store, async () => {
    const [network, own, holder] = await Promise.all([
      store.get(keys.network(binding.networkId)),
      store.get(bindingKey(binding)),
      store.get(keys.name(mirror.name)),
    ]);
    if (!network || !own) return { result: false };
    const record = parseRecord(networkRecord, network);
    // After a commit of unknown outcome: its own.
    if (record.mirror) return { result: wrote };
    if (holder) throw new XnetError('EXISTS', 'another network of the cluster has that name');
    wrote = true;
    return {
      result: true,
      conditions: [
        asRead(network.key, network),
        asRead(own.key, own),
        { key: keys.name(mirror.name), is: 'absent' },
      ],
      writes: [
        { put: network.key, value: formatRecord({ ...record, name: mirror.name, mirror }) },
        { put: keys.name(mirror.name), value: record.id },
        ...putBinding({ ...parseRecord(bindingRecord, own), seen }),
      ],
    };
  });
}

/** The network has these labels from now on, where copies of it are made. */
export function relabel(store: Store, networkId: string, labels: MirrorRecord['labels']): Promise<void> {
  return changeRecord(
    store,
    keys.network(networkId),
    networkRecord,
    ({ mirror, ...network }) => mirror && { ...network, mirror: { ...mirror, labels } },
  );
}

/** Notes that Docker has the network. A binding that is gone stays so. */
export function noteSeen(store: Store, binding: BindingReference, seen: Seen): Promise<void> {
  const change = (record: BindingRecord) =>
    isDeepStrictEqual(record.seen, seen) ? undefined : { ...record, seen };
  return changeRecord(store, bindingKey(binding), bindingRecord, change, putBinding);
}

/** The network as the store has it now. */
export async function findNetwork(store: Store, networkId: string): Promise<NetworkRecord | undefined> {
  const entry = await store.get(keys.network(networkId));
  return entry && parseRecord(networkRecord, entry);
}

/**
 * Undoes a removal while endpoints are left, or for `hostId`, to which containers that do not run belong; resolves to
 * the network's name and the hosts that use it, or to undefined when there was nothing to undo. Where the name has been
 * taken meanwhile the network stays, but is mirrored no more.
 */
export async function undoRemoval(
  store: Store,
  networkId: string,
  hostId?: string,
): Promise<{ name: string; hosts: string[] } | undefined> {
  return transact<{ name: string; hosts: string[] } | undefined>(store, async () => {
    const entry = await store.get(keys.network(networkId));
    const record = entry && parseRecord(networkRecord, entry);
    if (!entry || !record?.mirror?.removal) return { result: undefined };
    const running = await hostsWithEndpoints(store, networkId);
    const hosts = [...new Set([...running, ...(hostId === undefined ? [] : [hostId])])];
    if (hosts.length === 0) return { result: undefined };
    const { removal: _, ...mirror } = record.mirror;
    const nameKey = keys.name(mirror.name);
    const result = { name: mirror.name, hosts };
    if (await store.get(nameKey)) {
      const { mirror: _dropped, ...plain } = record;
      return { result, conditions: [asRead(entry.key, entry)], writes: [put(entry, plain)] };
    }
    return {
      result,
      conditions: [asRead(entry.key, entry), { key: nameKey, is: 'absent' }],
      writes: [put(entry, { ...record, name: mirror.name, mirror }), { put: nameKey, value: networkId }],
    };
  });
}

/** Ids of the hosts that have endpoints of the network; `?` for one that cannot be read: it may be in use. */
export async function hostsWithEndpoints(store: Store, networkId: string): Promise<string[]> {
  const { entries } = await store.list(keys.endpointsOf(networkId));
  return [...new Set(entries.map((entry) => findRecord(endpointRecord, entry)?.hostId ?? '?'))];
}

function bindingKey({ networkId, hostId, dockerNetworkId }: BindingReference): string {
  return keys.binding(networkId, hostId, dockerNetworkId);
}

function put({ key }: Entry, record: NetworkRecord): Write {
  return { put: key, value: formatRecord(record) };
}
