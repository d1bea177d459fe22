import { addressRecord, parseAddressKey, stateOf } from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { formatPoolKey, poolReferenceRecord } from '../../model/pool.js';
import { findRecord } from '../../model/record.js';
import type { Entry, Store } from '../../store/store.js';
import { listPools } from './pool-entries.js';

/** A pool as `xnet status` shows it. */
export interface PoolDescription {
  readonly poolKey: string;
  readonly space: string;
  readonly networkName?: string;
  readonly subnet: string;
  /** One for each Docker network with this pool, on any host. */
  readonly references: readonly { readonly hostId: string; readonly hostName: string }[];
  readonly addresses: {
    readonly endpoints: number;
    /** Held by a host for containers to come. */
    readonly reserved: number;
    readonly gateways: number;
    readonly auxiliaries: number;
    readonly resting: number;
    /** Set aside for devices on the network's LAN. */
    readonly foreign: number;
  };
}

/** All pools of the cluster, without records that this xnet cannot read. The three lists are read one after the other: exact only while nothing changes. */
export async function describePools(store: Pick<Store, 'list'>): Promise<PoolDescription[]> {
  const pools = await listPools(store);
  const listed = (await store.list(keys.poolReferences(), { once: true })).entries;
  const records = listed.flatMap((entry) => findRecord(poolReferenceRecord, entry) ?? []);
  const holds = byPool(records, ({ poolKey }) => poolKey);
  const { entries } = await store.list(keys.addresses(), { once: true });
  const addresses = byPool(entries, ({ key }) => parseAddressKey(key)?.poolKey ?? '');
  return pools.map((pool) => {
    const poolKey = formatPoolKey(pool);
    const { space, networkName, subnet } = pool;
    return {
      ...{ poolKey, space, subnet: `${subnet}` },
      ...(networkName !== undefined && { networkName }),
      references: (holds.get(poolKey) ?? []).map(({ hostId, hostName }) => ({ hostId, hostName })),
      addresses: countAddresses(addresses.get(poolKey) ?? []),
    };
  });
}

function byPool<T>(items: readonly T[], poolKeyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const found = new Map<string, T[]>();
  for (const item of items) {
    const poolKey = poolKeyOf(item);
    const others = found.get(poolKey);
    if (others) others.push(item);
    else found.set(poolKey, [item]);
  }
  return found;
}

function countAddresses(entries: readonly Entry[]): PoolDescription['addresses'] {
  const records = entries.flatMap((entry) => findRecord(addressRecord, entry) ?? []);
  const uses = records.map((record) => (stateOf(record) === 'shared' ? record.purpose : stateOf(record)));
  const count = (...counted: readonly string[]) => uses.filter((use) => counted.includes(use)).length;
  return {
    reserved: count('reserved'),
    endpoints: count('claimed', 'bound'),
    gateways: count('gateway'),
    auxiliaries: count('auxiliary'),
    resting: count('resting'),
    foreign: count('foreign'),
  };
}
