import { XnetError } from '../../errors.js';
import { keys } from '../../model/keys.js';
import { type NetworkRecord, networkRecord } from '../../model/network.js';
import { parseRecord } from '../../model/record.js';
import type { Condition, Store, Write } from '../../store/store.js';
import { asRead } from '../../store/transact.js';
import type { GivenPool, PoolBook } from '../collaborators.js';

/** Address space of networks that all hosts' Docker have under one id. */
export const GLOBAL_SPACE = 'xnet-global';

/**
 * Parts of the commit that creates a network with pools of the global space: it is refused when one of them is given
 * back or taken by another network in the meantime. Throws IN_USE naming the network that has one already.
 */
export async function planGlobalPools(
  store: Store,
  book: PoolBook,
  record: NetworkRecord,
): Promise<{ conditions: Condition[]; writes: Write[] }> {
  const global = record.pools.filter(({ poolKey }) => book.isGlobal(poolKey));
  if (global.length === 0) return { conditions: [], writes: [] };
  // The guards first: what is read after them is at least as new.
  const guards = await Promise.all(
    global.map(async ({ poolKey }) => {
      const key = keys.poolReferenceGuard(poolKey);
      return { key, entry: await store.get(key), poolKey };
    }),
  );
  for (const other of await listNetworks(store)) refuseShared(record, other, global);
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
  book: PoolBook,
  subnet: string,
  networkId: string,
): Promise<GivenPool> {
  const asked = book.findRequested(GLOBAL_SPACE, subnet);
  const there = await book.listGlobal(subnet);
  const unused = await listUnused(store, there, networkId);
  const isUnused = asked?.poolKey !== undefined && unused.includes(asked.poolKey);
  const poolKey = isUnused ? asked.poolKey : (unused[0] ?? there[0]);
  return { subnet, ...(poolKey !== undefined && { poolKey }) };
}

async function listUnused(store: Store, poolKeys: readonly string[], networkId: string): Promise<string[]> {
  const others = (await listNetworks(store)).filter(({ id }) => id !== networkId);
  const used = new Set(others.flatMap(({ pools }) => pools).map(({ poolKey }) => poolKey));
  return poolKeys.filter((poolKey) => !used.has(poolKey));
}

async function listNetworks(store: Store): Promise<NetworkRecord[]> {
  const { entries } = await store.list(keys.networks());
  return entries.map((entry) => parseRecord(networkRecord, entry));
}

function refuseShared(record: NetworkRecord, other: NetworkRecord, global: NetworkRecord['pools']): void {
  if (other.id === record.id) return;
  const shared = other.pools.find(({ poolKey }) => global.some((pool) => pool.poolKey === poolKey));
  if (!shared) return;
  const title = other.swarm
    ? `swarm's network ${other.swarm.dockerNetworkId}`
    : `network ${other.name ?? other.id}`;
  throw new XnetError(
    'IN_USE',
    `subnet ${shared.subnet} is that of ${title}; choose another (--subnet), or name this network (--ipam-opt xnet.name=NAME) to let them overlap`,
    { networkId: other.id },
  );
}
