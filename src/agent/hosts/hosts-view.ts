import { keys } from '../../store/keys.js';
import type { RecordReader } from '../../store/record-reader.js';
import { type HostRecord, hostRecord } from '../../store/records.js';
import type { Entry, Store } from '../../store/store.js';
import { watchRecords } from '../local/watch-records.js';

/** The hosts of the cluster as the store has them, kept up by a watch. */
export class HostsView implements AsyncDisposable {
  readonly #store: Store;
  readonly #records: RecordReader;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  #hosts: ReadonlyMap<string, HostRecord> = new Map();
  #alive: ReadonlySet<string> = new Set();
  #aliveByVtep: ReadonlyMap<string, string> = new Map();
  /** When hosts were seen to fall silent, by id. */
  readonly #silentSince = new Map<string, Date>();
  readonly #startedAt = new Date();
  #watches: Promise<void>[] = [];

  constructor(store: Store, records: RecordReader) {
    this.#store = store;
    this.#records = records;
  }

  /** Resolves when the first snapshot is in. */
  async start(): Promise<void> {
    await Promise.all([
      this.#watch(keys.hosts(), (entries) => {
        const records = this.#records.read(hostRecord, keys.hosts(), entries.values());
        this.#hosts = new Map(records.map((record) => [record.id, record]));
      }),
      this.#watch(keys.aliveHosts(), (entries) => {
        this.#takeAlive(new Set([...entries.keys()].map((key) => key.slice(keys.aliveHosts().length))));
      }),
    ]);
  }

  find(hostId: string): HostRecord | undefined {
    return this.#hosts.get(hostId);
  }

  /** VTEP of a host; undefined when it is not registered, or is silent and another host that is alive has its VTEP now. */
  vtepOf(hostId: string): string | undefined {
    const vtep = this.#hosts.get(hostId)?.vtep;
    const holder = vtep === undefined ? undefined : this.#aliveByVtep.get(vtep);
    return holder === undefined || holder === hostId || this.isAlive(hostId) ? vtep : undefined;
  }

  /** false: registered or not, it has given no sign of life for a lease's length. */
  isAlive(hostId: string): boolean {
    return this.#alive.has(hostId);
  }

  /** When a host fell silent, or before when: it was silent already when this view began to look. Empty: it is alive. */
  silence(hostId: string): { readonly since?: Date; readonly before?: Date } {
    if (this.isAlive(hostId)) return {};
    const since = this.#silentSince.get(hostId);
    return since ? { since } : { before: this.#startedAt };
  }

  /** Of every docker_gwbridge; also of silent hosts, which may come back. */
  gatewaySubnets(): { readonly hostName: string; readonly subnet: string }[] {
    return [...this.#hosts.values()].flatMap(({ name, gatewaySubnets = [] }) =>
      gatewaySubnets.map((subnet) => ({ hostName: name, subnet })),
    );
  }

  list(): { readonly host: HostRecord; readonly alive: boolean }[] {
    return [...this.#hosts.values()].map((host) => ({ host, alive: this.#alive.has(host.id) }));
  }

  /** Calls `listener` after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#watches);
  }

  #takeAlive(alive: ReadonlySet<string>): void {
    for (const id of this.#alive) if (!alive.has(id)) this.#silentSince.set(id, new Date());
    for (const id of alive) this.#silentSince.delete(id);
    this.#alive = alive;
  }

  async #watch(prefix: string, take: (entries: ReadonlyMap<string, Entry>) => void) {
    const { first, ended } = watchRecords(this.#store, prefix, this.#stop.signal, (entries) => {
      take(entries);
      this.#aliveByVtep = new Map(
        this.list().flatMap(({ host, alive }) => (alive ? [[host.vtep, host.id] as const] : [])),
      );
      for (const listener of this.#listeners) listener();
    });
    this.#watches = [...this.#watches, ended];
    await first;
  }
}
