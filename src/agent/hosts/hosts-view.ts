/**
 * src/agent/hosts: who this host is, its record and its sign of life, what it knows of the other hosts, and the removal of
 * one that will not come back. Guarantee: nothing of a host is written by another machine, or while it is alive by another
 * host. Not in here: what a host has in networks, but for its removal.
 */
import { type HostRecord, hostRecord } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';

/** The hosts of the cluster. */
export class HostsView implements AsyncDisposable {
  readonly #hosts: View<HostRecord>;
  readonly #signsOfLife: View<string>;
  #aliveByVtep: ReadonlyMap<string, string> = new Map();
  /** When hosts were seen to fall silent, by id. */
  readonly #silentSince = new Map<string, Date>();
  readonly #startedAt = new Date();

  constructor(replica: Replica) {
    this.#hosts = replica.follow(keys.hosts(), hostRecord);
    this.#signsOfLife = replica.followValues(keys.aliveHosts());
    this.#hosts.onChange(() => this.#changed());
    this.#signsOfLife.onChange((changes) => {
      for (const [key, { now }] of changes)
        this.#noteLife(key.slice(keys.aliveHosts().length), now !== undefined);
      this.#changed();
    });
  }

  /** Resolves when the hosts are known. */
  async ready(): Promise<void> {
    await Promise.all([this.#hosts.ready, this.#signsOfLife.ready]);
  }

  find(hostId: string): HostRecord | undefined {
    return this.#hosts.get(keys.host(hostId))?.record;
  }

  /** For messages: its id where its name is not known. */
  nameOf(hostId: string): string {
    return this.find(hostId)?.name ?? hostId;
  }

  /** VTEP of a host; undefined when it is not registered, or is silent and another host that is alive has its VTEP now. */
  vtepOf(hostId: string): string | undefined {
    const vtep = this.find(hostId)?.vtep;
    const holder = vtep === undefined ? undefined : this.#aliveByVtep.get(vtep);
    return holder === undefined || holder === hostId || this.isAlive(hostId) ? vtep : undefined;
  }

  /** false: registered or not, it has given no sign of life for a lease's length. */
  isAlive(hostId: string): boolean {
    return this.#signsOfLife.get(keys.alive(hostId)) !== undefined;
  }

  /** When a host fell silent, or before when: it was silent already when this view began to look. Empty: it is alive. */
  silence(hostId: string): { readonly since?: Date; readonly before?: Date } {
    if (this.isAlive(hostId)) return {};
    const since = this.#silentSince.get(hostId);
    return since ? { since } : { before: this.#startedAt };
  }

  /** Of every docker_gwbridge; also of silent hosts, which may come back. */
  gatewaySubnets(): { readonly hostName: string; readonly subnet: string }[] {
    return this.#hosts.records.flatMap(({ name, gatewaySubnets = [] }) =>
      gatewaySubnets.map((subnet) => ({ hostName: name, subnet })),
    );
  }

  list(): { readonly host: HostRecord; readonly alive: boolean }[] {
    return this.#hosts.records.map((host) => ({ host, alive: this.isAlive(host.id) }));
  }

  /** Calls `listener` after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    const forget = [this.#hosts.onChange(listener), this.#signsOfLife.onChange(listener)];
    return () => {
      for (const each of forget) each();
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#hosts[Symbol.asyncDispose](), this.#signsOfLife[Symbol.asyncDispose]()]);
  }

  #noteLife(id: string, isAlive: boolean): void {
    if (isAlive) this.#silentSince.delete(id);
    else this.#silentSince.set(id, new Date());
  }

  #changed(): void {
    const alive = this.#hosts.records.filter(({ id }) => this.isAlive(id));
    this.#aliveByVtep = new Map(alive.map(({ vtep, id }) => [vtep, id] as const));
  }
}
