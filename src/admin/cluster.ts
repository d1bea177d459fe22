/** What most answers need of the cluster: its networks and hosts, and how they are called. */
import type { z } from 'zod';
import { limitTo } from '../concurrency/limit.js';
import { XnetError } from '../errors.js';
import { quoted } from '../inet/quoted.js';
import { type BindingRecord, bindingRecord } from '../model/binding.js';
import { type HostRecord, hostRecord } from '../model/host.js';
import { keys } from '../model/keys.js';
import { type NetworkRecord, networkRecord } from '../model/network.js';
import { findRecord } from '../model/record.js';
import type { Entry, Store } from '../store/store.js';
import type { HostOf } from './answers.js';

export type Reader = Pick<Store, 'list'>;

/** The records under a prefix that this xnet can read. */
export interface Read<T> {
  readonly records: readonly T[];
  /** The store itself has answered. */
  readonly isCurrent: boolean;
}

/** An id may be given by its beginning, if that has as many digits. */
const SHORTEST_ID = 4;
const READS_AT_ONCE = 64;

/** Of what this host does not watch it keeps nothing, however often it is asked. Throws the store's errors. */
export async function readAll<T>(store: Reader, prefix: string, schema: z.ZodType<T>): Promise<Read<T>> {
  const { entries, recalled } = await store.list(prefix, { once: true });
  const read = (entry: Entry) => findRecord(schema, entry) ?? [];
  return { records: entries.flatMap(read), isCurrent: recalled !== true };
}

export class Cluster {
  private constructor(
    readonly networks: readonly NetworkRecord[],
    /** By id: the network's own name, or else the one in a Docker. While the store is away that in this host's. */
    private readonly names: ReadonlyMap<string, string>,
    private readonly hosts: ReadonlyMap<string, HostRecord>,
    /** Keys; undefined: the store is away. */
    private readonly alive: ReadonlySet<string> | undefined,
  ) {}

  /** Throws the store's errors. */
  static async read(store: Reader): Promise<Cluster> {
    const [networks, hosts, alive] = await Promise.all([
      readAll(store, keys.networks(), networkRecord),
      readAll(store, keys.hosts(), hostRecord),
      store.list(keys.aliveHosts()),
    ]);
    const isCurrent = networks.isCurrent && hosts.isCurrent && !alive.recalled;
    const inDocker = networks.isCurrent
      ? await readNamesInDocker(store, networks.records)
      : namesIn(await readOwnBindings(store));
    return new Cluster(
      networks.records,
      new Map([...inDocker, ...ownNames(networks.records)]),
      new Map(hosts.records.map((host) => [host.id, host])),
      isCurrent ? new Set(alive.entries.map(({ key }) => key)) : undefined,
    );
  }

  /** The store itself has answered. */
  get isCurrent(): boolean {
    return this.alive !== undefined;
  }

  nameOf(networkId: string): string | undefined {
    return this.names.get(networkId);
  }

  hostOf(id: string): HostOf {
    const name = this.hosts.get(id)?.name;
    const state = !this.alive ? 'unknown' : this.alive.has(keys.alive(id)) ? 'alive' : 'silent';
    return { id, ...(name !== undefined && { name }), state };
  }

  /** By name, id, or the beginning of an id; undefined: there is none. Throws INVALID when several are meant. */
  findNetwork(wanted: string): NetworkRecord | undefined {
    const called = this.networks.filter(({ id }) => id === wanted || this.nameOf(id) === wanted);
    const found = called.length > 0 ? called : this.networks.filter(({ id }) => isBegun(id, wanted));
    if (found.length <= 1) return found[0];
    const ids = found.map(({ id }) => id).join(', ');
    throw new XnetError(
      'INVALID',
      `${found.length} networks are called ${quoted(wanted)}; give the id of one: ${ids}`,
    );
  }

  /** As `findNetwork`. Throws NOT_FOUND, too. */
  getNetwork(wanted: string): NetworkRecord {
    const network = this.findNetwork(wanted);
    if (network) return network;
    throw new XnetError(
      'NOT_FOUND',
      `the cluster has no network with the name or id ${quoted(wanted)}; \`xnet networks\` lists them`,
    );
  }

  /** Ids of the hosts with this name, id, or beginning of an id. */
  findHosts(wanted: string): string[] {
    const hosts = [...this.hosts.values()];
    const called = hosts.filter(({ id, name }) => id === wanted || name === wanted);
    const found = called.length > 0 ? called : hosts.filter(({ id }) => isBegun(id, wanted));
    return found.map(({ id }) => id);
  }

  /** As `findHosts`. Throws NOT_FOUND. */
  hostsCalled(wanted: string): string[] {
    const found = this.findHosts(wanted);
    if (found.length > 0) return found;
    throw new XnetError(
      'NOT_FOUND',
      `the cluster has no host with the name or id ${quoted(wanted)}; \`xnet hosts\` lists them`,
    );
  }
}

/** `wanted` is the beginning of the id. */
export function isBegun(id: string, wanted: string): boolean {
  return wanted.length >= SHORTEST_ID && id.startsWith(wanted);
}

/** The Docker networks of a network; while the store is away those of this host alone. Throws the store's errors. */
export async function readBindings(store: Reader, networkId: string): Promise<Read<BindingRecord>> {
  const read = await readAll(store, keys.bindingsOf(networkId), bindingRecord);
  if (read.isCurrent || read.records.length > 0) return read;
  const own = await readOwnBindings(store);
  return { ...read, records: own.filter((binding) => binding.networkId === networkId) };
}

/** By their twins, which a host always knows of itself. */
async function readOwnBindings(store: Reader): Promise<readonly BindingRecord[]> {
  return (await readAll(store, keys.byHost(), bindingRecord)).records.filter(
    ({ seen }) => seen !== undefined,
  );
}

function ownNames(networks: readonly NetworkRecord[]): [string, string][] {
  return networks.flatMap(({ id, name }): [string, string][] => (name === undefined ? [] : [[id, name]]));
}

function namesIn(bindings: readonly BindingRecord[]): ReadonlyMap<string, string> {
  return new Map(bindings.flatMap(({ networkId, seen }) => (seen ? [[networkId, seen.name]] : [])));
}

async function readNamesInDocker(
  store: Reader,
  networks: readonly NetworkRecord[],
): Promise<ReadonlyMap<string, string>> {
  const nameless = networks.filter(({ name }) => name === undefined);
  const limit = limitTo(READS_AT_ONCE);
  const read = async ({ id }: NetworkRecord): Promise<[string, string][]> => {
    const { records } = await readAll(store, keys.bindingsOf(id), bindingRecord);
    const seen = records.find((binding) => binding.seen)?.seen;
    return seen ? [[id, seen.name]] : [];
  };
  return new Map((await Promise.all(nameless.map((network) => limit(() => read(network))))).flat());
}
