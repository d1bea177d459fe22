/** What the removal of a network writes to the store. */
import type { z } from 'zod';
import { addressRecord } from '../../model/address.js';
import { type BindingReference, bindingRecord, type Seen } from '../../model/binding.js';
import { removeBinding } from '../../model/by-host.js';
import { endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import { type NetworkRecord, networkRecord } from '../../model/network.js';
import { ownPoolKey } from '../../model/pool.js';
import { formatRecord, parseRecord } from '../../model/record.js';
import type { Entry, Store, Write } from '../../store/store.js';
import { type Attempt, asRead } from '../../store/transact.js';
import type { PoolBook } from '../collaborators.js';
import { removeTwins } from './leftover-twins.js';
import type { OwnActions } from './own-actions.js';

/** More than the hosts of a cluster lose at once; the record stays small. */
const FORMER_KEPT = 32;

export interface NetworkRemovalParts {
  readonly store: Store;
  readonly ownActions: OwnActions;
}

/**
 * One try to unbind a Docker network. The cluster network is removed with its last binding, and is the result then.
 * `lost`: no user removed the Docker network. One that is unbound already, but was seen in Docker (OwnActions), is
 * handled as a bound one. Throws INTERNAL when a newer xnet wrote a record that would be removed.
 */
export async function attemptRemoval(
  parts: NetworkRemovalParts,
  { networkId: id, hostId, dockerNetworkId }: BindingReference,
  lost: boolean,
): Promise<Attempt<NetworkRecord | undefined>> {
  const { store, ownActions } = parts;
  const binds = { networkId: id, hostId, dockerNetworkId };
  const own = keys.binding(id, hostId, dockerNetworkId);
  // The guard may be absent: a backup of the store may lack it.
  const guardKey = keys.bindingGuard(id);
  const guard = await store.get(guardKey);
  const bindings = await store.list(keys.bindingsOf(id), { once: true });
  // Read anew: the agent changes it.
  const entry = await store.get(keys.network(id));
  const binding = bindings.entries.find(({ key }) => key === own);
  // Read after the store, so that it is at least as new.
  const isOwn = ownActions.isRemoving(dockerNetworkId);
  const seen = (binding && parseRecord(bindingRecord, binding).seen) ?? ownActions.made.get(dockerNetworkId);
  if (!entry) return leftoverRemoval(binding, binds);
  if (!binding && !seen) return { result: undefined };
  if (!seen && !lost && !isOwn) ownActions.noteUnboundUnseen(dockerNetworkId);
  const record = parseRecord(networkRecord, entry);
  const last = bindings.entries.every(({ key }) => key === own);
  const end = planUnbinding(record, seen, { last, lost: lost || isOwn });
  const users = end === 'remove' ? await requireReadable(store, record) : [];
  if (end === 'mark') ownActions.noteMarked(id);
  const conditions = [asRead(guardKey, guard), asRead(own, binding), asRead(entry.key, entry)];
  const twins = await removeTwins(store, id, users, conditions);
  const unbound: Write[] = [
    ...removeBinding(binds),
    // So that of two hosts that unbind at once, one sees that it is the last.
    { put: guardKey, value: dockerNetworkId },
    ...(seen && !isOwn ? noteWrites(end, record, { hostId, dockerNetworkId }) : []),
  ];
  return {
    result: end === 'remove' ? record : undefined,
    conditions,
    writes:
      end === 'remove' ? [...twins, ...removalWrites(record), { remove: keys.bindingTwin(binds) }] : unbound,
  };
}

/** Remove the whole network; or only unbind; or unbind and mark the network, so that the other hosts remove theirs. */
type Unbinding = 'remove' | 'unbind' | 'mark';

/**
 * The removal of a mirrored network counts for all hosts when the Docker network is the one that the mirror keeps: it
 * was seen in Docker under the mirrored name. Else the network stays: Docker rolled back a creation, or removed another
 * Docker network that was bound to it. It also stays when the Docker network was `lost`: no user removed it, but for
 * instance Docker's database is gone, or the mirror carried out a removal that is undone. A network that swarm has is
 * removed by swarm alone. Pure.
 */
function planUnbinding(
  { mirror, swarm }: NetworkRecord,
  seen: Seen | undefined,
  { last, lost }: { last: boolean; lost: boolean },
): Unbinding {
  if (swarm) return 'unbind';
  if (!mirror || mirror.removal) return last ? 'remove' : 'unbind';
  if (lost || seen?.name !== mirror.name) return 'unbind';
  return last ? 'remove' : 'mark';
}

/** The network is gone, so nothing else removes its binding. */
function leftoverRemoval(binding: Entry | undefined, binds: BindingReference): Attempt<undefined> {
  if (!binding) return { result: undefined };
  return {
    result: undefined,
    conditions: [asRead(binding.key, binding)],
    writes: removeBinding(binds),
  };
}

/**
 * One try to remove swarm's mark from a network; the network is removed when no Docker network is bound to it, and is
 * the result then.
 */
export async function attemptFreeing(
  store: Store,
  networkId: string,
): Promise<Attempt<NetworkRecord | undefined>> {
  const guard = await store.get(keys.bindingGuard(networkId));
  const bindings = await store.list(keys.bindingsOf(networkId), { once: true });
  const entry = await store.get(keys.network(networkId));
  if (!entry) return { result: undefined };
  const { swarm, ...record } = parseRecord(networkRecord, entry);
  if (!swarm) return { result: undefined };
  const isLast = bindings.entries.length === 0;
  const users = isLast ? await requireReadable(store, record) : [];
  const conditions = [asRead(keys.bindingGuard(networkId), guard), asRead(entry.key, entry)];
  const twins = await removeTwins(store, networkId, users, conditions);
  return {
    result: isLast ? record : undefined,
    conditions,
    writes: isLast ? [...twins, ...removalWrites(record)] : [{ put: entry.key, value: formatRecord(record) }],
  };
}

/** Gives back what the cluster held for a network that has been removed. */
export async function releaseGlobalPools(
  pools: Pick<PoolBook, 'releaseGlobalPool'>,
  removed: NetworkRecord | undefined,
): Promise<void> {
  await Promise.all((removed?.pools ?? []).map(({ poolKey }) => pools.releaseGlobalPool(poolKey)));
}

/**
 * Resolves to the ids of the hosts that have endpoints left in the network. Throws INTERNAL when a newer xnet wrote a record
 * that would be removed with the network: this one does not know what it means.
 */
async function requireReadable(store: Store, record: NetworkRecord): Promise<string[]> {
  const read = async <T>(schema: z.ZodType<T>, prefix: string) =>
    (await store.list(prefix)).entries.map((entry) => parseRecord(schema, entry));
  const addresses = ownPoolKeys(record).map((poolKey) => read(addressRecord, keys.addressesOf(poolKey)));
  const [endpoints] = await Promise.all([
    read(endpointRecord, keys.endpointsOf(record.id)),
    Promise.all(addresses),
  ]);
  return [...new Set(endpoints.map(({ hostId }) => hostId))];
}

/** Of the pools that belong to this network alone. */
function ownPoolKeys({ id, pools }: NetworkRecord): string[] {
  return pools
    .map(({ subnet }) => ownPoolKey(id, subnet))
    .filter((poolKey) => pools.some((pool) => pool.poolKey === poolKey));
}

/** Without any twins. */
export function removalWrites(record: NetworkRecord): Write[] {
  return [
    { remove: keys.network(record.id) },
    { remove: keys.vni(record.vni) },
    { remove: keys.bindingGuard(record.id) },
    { removePrefix: keys.bindingsOf(record.id) },
    { removePrefix: keys.endpointsOf(record.id) },
    { removePrefix: keys.macsOf(record.id) },
    ...(record.name === undefined ? [] : [{ remove: keys.name(record.name) }]),
    ...ownPoolKeys(record).map((poolKey) => ({ removePrefix: keys.addressesOf(poolKey) })),
  ];
}

/**
 * What is noted in a mirrored network that stays. A marked one has no name any more, so that the name can be used at once,
 * also while a host is away.
 */
function noteWrites(
  end: Unbinding,
  record: NetworkRecord,
  { hostId, dockerNetworkId }: { hostId: string; dockerNetworkId: string },
): Write[] {
  const { mirror } = record;
  if (!mirror) return [];
  const former = [...(mirror.former ?? []), dockerNetworkId].slice(-FORMER_KEPT);
  const key = keys.network(record.id);
  if (end !== 'mark')
    return [{ put: key, value: formatRecord({ ...record, mirror: { ...mirror, former } }) }];
  const { name, ...nameless } = record;
  const marked = { ...nameless, mirror: { ...mirror, former, removal: { hostId } } };
  return [
    { put: key, value: formatRecord(marked) },
    ...(name === undefined ? [] : [{ remove: keys.name(name) }]),
  ];
}
