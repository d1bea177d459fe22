import type { EndpointRecord } from '../../model/endpoint.js';
import type { EndpointChange } from '../forwarding/followed-network.js';

/** Host -> number of its endpoints in a network. */
type Counts = Map<string, number>;

export interface NetworkPeersParts {
  readonly hostId: string;
  /** As NetworkFollower. */
  readonly endpointsOf: (networkId: string) => readonly EndpointRecord[] | undefined;
  /** False: its packets to other hosts go another way than the paths do. */
  readonly usesTunnel: (networkId: string) => boolean;
}

/**
 * The hosts with which this host shares a network of the tunnel: both have endpoints in it now. It is so on both at the same time, so that each has
 * an end of the path. (A network is followed for a minute after the last endpoint here went.)
 */
export class NetworkPeers {
  readonly #networks = new Map<string, Counts>();
  readonly #listeners = new Set<() => void>();

  constructor(private readonly parts: NetworkPeersParts) {}

  /** Ids. */
  get ids(): ReadonlySet<string> {
    return this.idsIn(this.networkIds);
  }

  /** Of the hosts with which it shares one of these networks, in which it has endpoints. */
  idsIn(networkIds: readonly string[]): ReadonlySet<string> {
    const { hostId } = this.parts;
    const shared = networkIds.flatMap((id) => [...(this.#networks.get(id)?.keys() ?? [])]);
    return new Set(shared.filter((id) => id !== hostId));
  }

  /** The networks of the tunnel in which this host has endpoints. */
  get networkIds(): string[] {
    const { hostId, usesTunnel } = this.parts;
    return [...this.#networks].flatMap(([id, counts]) => (counts.has(hostId) && usesTunnel(id) ? id : []));
  }

  /** False: which hosts have endpoints in the network is not known (yet). */
  knows(networkId: string): boolean {
    return this.#networks.has(networkId);
  }

  /** Calls `listener` when a host, this one or another, came to a network or went from it. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** To be called as `FollowerParts.changed`. */
  changed(networkId: string, changes?: readonly EndpointChange[]): void {
    const counts = this.#networks.get(networkId);
    if (counts && changes) this.#note(counts, changes);
    else this.#countAnew(networkId);
  }

  #countAnew(networkId: string): void {
    const endpoints = this.parts.endpointsOf(networkId);
    if (!endpoints) {
      if (this.#networks.delete(networkId)) this.#notify();
      return;
    }
    const counts: Counts = new Map();
    this.#networks.set(networkId, counts);
    this.#note(
      counts,
      endpoints.map((now) => ({ before: undefined, now })),
    );
    this.#notify();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  #note(counts: Counts, changes: readonly EndpointChange[]): void {
    let isAnother = false;
    const add = (hostId: string | undefined, more: number) => {
      if (hostId === undefined) return;
      const before = counts.get(hostId) ?? 0;
      if (before + more > 0) counts.set(hostId, before + more);
      else counts.delete(hostId);
      isAnother ||= before === 0 || before + more === 0;
    };
    for (const { before, now } of changes) {
      add(before?.hostId, -1);
      add(now?.hostId, 1);
    }
    if (isAnother) this.#notify();
  }
}
