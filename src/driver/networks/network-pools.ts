/**
 * Which pools a new network has. No two networks have one: the containers of one would seem to be in both. The pools of
 * the global space, which all hosts' Docker have under one id, are judged with a commit: none is given back or taken by
 * another network in the meantime.
 */
import { XnetError } from '../../errors.js';
import { Prefix } from '../../inet/prefix.js';
import { bindingRecord } from '../../model/binding.js';
import { keys } from '../../model/keys.js';
import { type NetworkRecord, networkRecord } from '../../model/network.js';
import { ADDRESS_SPACES, isGlobalPool } from '../../model/pool.js';
import { findRecord, parseRecord } from '../../model/record.js';
import type { CommitPart, Condition, Store } from '../../store/store.js';
import { asRead } from '../../store/transact.js';
import type { GivenPool, PoolBook } from '../collaborators.js';
import type { LocalNetworks } from '../local-networks.js';
import type { PoolRequests } from '../pool-requests.js';

export interface NetworkPoolsParts {
  readonly store: Store;
  readonly local: LocalNetworks;
  /** For messages. */
  readonly hostName: (hostId: string) => string;
}

/**
 * What the commit that creates a network has of its pools of the global space. Throws IN_USE naming the network that
 * has one already.
 */
export async function planGlobalPools(store: Store, record: NetworkRecord): Promise<CommitPart> {
  const global = record.pools.filter(({ poolKey }) => isGlobalPool(poolKey));
  if (global.length === 0) return { conditions: [], writes: [] };
  // The guards first: what is read after them is at least as new.
  const guards = await Promise.all(
    global.map(async ({ poolKey }) => {
      const key = keys.poolReferenceGuard(poolKey);
      return { key, entry: await store.get(key), poolKey };
    }),
  );
  for (const other of await listNetworks(store)) {
    const shared = other.id === record.id ? undefined : findShared(other, global);
    if (shared) throw taken(shared.subnet, titleOfGlobal(other), other);
  }
  return {
    conditions: guards.flatMap(({ key, entry, poolKey }): Condition[] => [
      asRead(key, entry),
      { key: keys.pool(poolKey), is: 'present' },
    ]),
    writes: guards.map(({ key }) => ({ put: key, value: record.id })),
  };
}

/**
 * Finds the pool of the global space with which Docker creates the network. Docker may have requested it from the xnet
 * of another host, so perhaps only its subnet is known here. Several pools can have the subnet, those of named
 * networks: then it is one that no other network has. Without any, Docker's own IPAM chose the subnet.
 */
export async function findGlobalPool(
  store: Store,
  { pools, poolRequests }: { readonly pools: PoolBook; readonly poolRequests: Pick<PoolRequests, 'take'> },
  subnet: string,
  networkId: string,
): Promise<GivenPool> {
  const asked = poolRequests.take(ADDRESS_SPACES.global, subnet)?.poolKey;
  const there = await pools.listGlobalPools(Prefix.parse(subnet));
  const others = (await listNetworks(store)).filter(({ id }) => id !== networkId);
  const used = new Set(others.flatMap((other) => other.pools.map(({ poolKey }) => poolKey)));
  const unused = there.filter((poolKey) => !used.has(poolKey));
  const poolKey = asked !== undefined && unused.includes(asked) ? asked : (unused[0] ?? there[0]);
  return { subnet, ...(poolKey !== undefined && { poolKey }) };
}

/**
 * Throws IN_USE naming the network that has one of the new network's pools, and the store's errors. A pool that only
 * networks of other drivers have is free. Two networks that are created at the same moment may both pass:
 * agent/mirror/mirror-plan.ts reports them.
 */
export async function refuseSharedPools(parts: NetworkPoolsParts, record: NetworkRecord): Promise<void> {
  const pools = record.pools.filter(({ poolKey }) => !isGlobalPool(poolKey));
  const { entries } = await parts.store.list(keys.networks());
  for (const other of entries.flatMap((entry) => findRecord(networkRecord, entry) ?? [])) {
    const shared = findShared(other, pools);
    if (!shared || other.mirror?.removal || mayBecomeOne(parts.local, record, other)) continue;
    throw taken(shared.subnet, await titleOf(parts, other), other);
  }
}

async function listNetworks(store: Store): Promise<NetworkRecord[]> {
  const { entries } = await store.list(keys.networks());
  return entries.map((entry) => parseRecord(networkRecord, entry));
}

function findShared({ pools }: NetworkRecord, wanted: NetworkRecord['pools']) {
  return pools.find(({ poolKey }) => wanted.some((pool) => pool.poolKey === poolKey));
}

/**
 * The other may have been created on another host a moment ago, under the name that this one gets too (Compose on
 * several hosts): then the mirror makes them one. Docker does not send the name to a driver; but when the other is on
 * this host already, this one has another name.
 */
function mayBecomeOne(local: LocalNetworks, record: NetworkRecord, other: NetworkRecord): boolean {
  const isMirrored = record.name === undefined && !record.unmirrored;
  const isOtherMirrored = other.mirror !== undefined || (other.name === undefined && !other.unmirrored);
  return isMirrored && isOtherMirrored && !local.findRecord(other.id);
}

function titleOfGlobal({ id, name, swarm }: NetworkRecord): string {
  return swarm ? `swarm's network ${swarm.dockerNetworkId}` : `network ${name ?? id}`;
}

/** The network's name, or its name in Docker on the host that has it. */
async function titleOf({ store, hostName }: NetworkPoolsParts, { id, name }: NetworkRecord): Promise<string> {
  if (name !== undefined) return `network ${name}`;
  const { entries } = await store.list(keys.bindingsOf(id), { once: true });
  const bindings = entries.flatMap((entry) => findRecord(bindingRecord, entry) ?? []);
  const [binding] = bindings.filter(({ seen }) => seen).concat(bindings);
  if (!binding) return `network ${id}`;
  return `network ${binding.seen?.name ?? id} of host ${hostName(binding.hostId)}`;
}

function taken(subnet: string, title: string, { id: networkId }: NetworkRecord): XnetError {
  return new XnetError(
    'IN_USE',
    `subnet ${subnet} is that of ${title}; choose another (--subnet), or name this network (--ipam-opt xnet.name=NAME) to let them overlap`,
    { networkId },
  );
}
