/**
 * src/agent/hosts: who this host is, its record and its sign of life, what it knows of the other hosts, and the removal of
 * one that will not come back. Guarantee: nothing of a host is written by another machine, or while it is alive by another
 * host. Not in here: what a host has in networks, but for its removal.
 */
import { isDeepStrictEqual } from 'node:util';
import { encryptedVtep } from '../../inet/encrypted-vtep.js';
import { type EncryptionKey, type HostRecord, hostRecord } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import type { Replica } from '../../replica/replica.js';
import type { View, ViewChanges } from '../../replica/view.js';
import { Vteps } from './vteps.js';

/** `moved`: hosts of which `vtepOf` answers otherwise than before, or that have other keys. */
export type HostsListener = (moved: ReadonlySet<string>) => void;

/** The hosts of the cluster. What a change costs does not grow with their number. */
export class HostsView implements AsyncDisposable {
  readonly #hosts: View<HostRecord>;
  readonly #signsOfLife: View<string>;
  readonly #alive = new Set<string>();
  readonly #vteps = new Vteps();
  readonly #encryption = new Map<string, readonly EncryptionKey[]>();
  /** When hosts were seen to fall silent, by id. */
  readonly #silentSince = new Map<string, Date>();
  readonly #startedAt = new Date();
  readonly #listeners = new Set<HostsListener>();

  constructor(replica: Replica) {
    this.#hosts = replica.follow(keys.hosts(), hostRecord);
    this.#signsOfLife = replica.followValues(keys.aliveHosts());
    this.#hosts.onChange((changes) => this.#changed(idsOf(keys.hosts(), changes)));
    this.#signsOfLife.onChange((changes) => {
      const ids = idsOf(keys.aliveHosts(), changes);
      for (const id of ids) this.#noteLife(id);
      this.#changed(ids);
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
    return this.#vteps.of(hostId);
  }

  /** The same of encrypted networks; undefined also where its xnet is older than these. */
  encryptedVtepOf(hostId: string): string | undefined {
    const [inUse] = this.#encryption.get(hostId) ?? [];
    if (!inUse || this.vtepOf(hostId) === undefined) return undefined;
    return encryptedVtep(hostId, inUse.slot);
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
    return this.#hosts.records.flatMap(({ name, gatewaySubnets = [] }) =>
      gatewaySubnets.map((subnet) => ({ hostName: name, subnet })),
    );
  }

  list(): { readonly host: HostRecord; readonly alive: boolean }[] {
    return this.#hosts.records.map((host) => ({ host, alive: this.isAlive(host.id) }));
  }

  /** Calls `listener` after each change, until the returned function is called. */
  onChange(listener: HostsListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#hosts[Symbol.asyncDispose](), this.#signsOfLife[Symbol.asyncDispose]()]);
  }

  #noteLife(id: string): void {
    if (this.#signsOfLife.get(keys.alive(id)) !== undefined) {
      this.#alive.add(id);
      this.#silentSince.delete(id);
    } else {
      this.#alive.delete(id);
      this.#silentSince.set(id, new Date());
    }
  }

  /** True: it has other keys than before. Whose VTEP may be which, the tunnel filter has to know before one is used. */
  #noteEncryption(id: string): boolean {
    const { encryption } = this.find(id) ?? {};
    if (isDeepStrictEqual(encryption, this.#encryption.get(id))) return false;
    if (encryption) this.#encryption.set(id, encryption);
    else this.#encryption.delete(id);
    return true;
  }

  #changed(ids: readonly string[]): void {
    const moved = ids.flatMap((id) => [
      ...this.#vteps.set(id, { vtep: this.find(id)?.vtep, isAlive: this.isAlive(id) }),
      ...(this.#noteEncryption(id) ? [id] : []),
    ]);
    for (const listener of this.#listeners) listener(new Set(moved));
  }
}

/** Of hosts, by keys of theirs: their ids need no encoding. */
function idsOf(prefix: string, changes: ViewChanges<unknown>): string[] {
  return [...changes.keys()].map((key) => key.slice(prefix.length));
}
