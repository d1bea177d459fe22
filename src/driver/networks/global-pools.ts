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
 * What the creation of a network needs of its pools of the global space: nobody gives one of them back meanwhile, and no
 * other network takes it. Throws IN_USE naming the network that has it.
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
 * The pool that Docker has asked for in the global space; all that tells which one it is may be its subnet, since another
 * xnet may have been asked. Of several, which belong to named networks, it is one that no network has but this; without
 * any, Docker's own IPAM has chosen the subnet.
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
