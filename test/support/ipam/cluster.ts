import { IpAddress } from '../../../src/inet/ip-address.js';
import { Prefix } from '../../../src/inet/prefix.js';
import { Ipam, type IpamOptions } from '../../../src/ipam/ipam.js';
import type { PoolRequest } from '../../../src/ipam/pools/plan-pool.js';
import type { HostPools } from '../../../src/ipam/reserve/unseen-pools.js';
import type { BindingRecord } from '../../../src/model/binding.js';
import { keys } from '../../../src/model/keys.js';
import type { PoolReferenceRecord } from '../../../src/model/pool.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import type { Store } from '../../../src/store/store.js';
import { muteLogger } from '../loggers.js';
import { MemoryStore } from '../store/memory-store.js';

export const prefix = (text: string) => Prefix.parse(text);
export const ip = (text: string) => IpAddress.parse(text);

export const DEFAULT_POOLS = [
  { range: prefix('10.192.0.0/22'), length: 24 },
  { range: prefix('fd78:6e65:7400::/48'), length: 64 },
];

export type HostOptions = Partial<Omit<IpamOptions, 'store'>> & { readonly store?: Store };

const stores = new WeakMap<Ipam, Store>();

/** The store of a host of a cluster, by which it knows at once of what is committed. */
export function storeOf(ipam: Ipam): Store {
  return stores.get(ipam) as Store;
}

/** Several hosts over one store in memory. */
export class Cluster implements AsyncDisposable {
  readonly store = new MemoryStore();
  readonly #hosts: AsyncDisposable[] = [];

  host(name: string, { store: inner = this.store, ...options }: HostOptions = {}): Ipam {
    const records = new RecordReader(muteLogger);
    const store = new Replica(inner, records);
    const ipam = new Ipam({
      store,
      records,
      host: { hostId: `id-of-${name}`, hostName: name },
      defaultPools: DEFAULT_POOLS,
      unfinished: { firstPauseMs: 5, longestPauseMs: 5, forMs: 20 },
      ...options,
      ...(options.reserves && {
        reserves: { poolsHere: () => this.#poolsOf(`id-of-${name}`), ...options.reserves },
      }),
    });
    if (options.reserves) ipam.start();
    this.#hosts.push(ipam, store);
    stores.set(ipam, store);
    return ipam;
  }

  async keys(): Promise<string[]> {
    return (await this.store.list('')).entries.map(({ key }) => key);
  }

  /** By the host's bindings and its holds. */
  async #poolsOf(hostId: string): Promise<HostPools> {
    const valuesUnder = async (prefix: string) =>
      (await this.store.list(prefix)).entries.map(({ value }) => JSON.parse(value));
    const bindings: BindingRecord[] = await valuesUnder(keys.bindingsOfHost(hostId));
    const holds: PoolReferenceRecord[] = await valuesUnder(keys.holdsOfHost(hostId));
    return {
      poolIds: bindings.flatMap(({ poolIds = [] }) => poolIds),
      poolKeys: new Map(holds.map(({ poolKey }) => [poolKey, true])),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.#hosts) await host[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }
}

/** A request for a plain IPv4 pool of the local space. */
export function poolRequest(subnet?: string, more: Partial<PoolRequest> = {}): PoolRequest {
  return { space: 'xnet-local', family: 4, ...(subnet ? { subnet: prefix(subnet) } : {}), ...more };
}

/** The next address for an endpoint, as text. */
export async function next(ipam: Ipam, poolId: string, container?: string): Promise<string> {
  const named = container === undefined ? {} : { container };
  const { address } = await ipam.requestAddress(poolId, { purpose: 'endpoint', ...named });
  return `${address}`;
}

/** `store` with some calls replaced. */
export function replacing(store: Store, calls: Partial<Store>): Store {
  return {
    description: store.description,
    away: store.away,
    get: (key) => store.get(key),
    list: (under) => store.list(under),
    count: (under) => store.count(under),
    commit: (conditions, writes) => store.commit(conditions, writes),
    watch: (under, signal) => store.watch(under, signal),
    grantLease: (options) => store.grantLease(options),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    ...calls,
  };
}
