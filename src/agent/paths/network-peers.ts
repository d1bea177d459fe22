import type { EndpointRecord } from '../../model/endpoint.js';
import type { EndpointChange } from '../forwarding/followed-network.js';

/** Host -> number of its endpoints in a network. */
type Counts = Map<string, number>;

export interface NetworkPeersParts {
  readonly hostId: string;
  /** As NetworkFollower. */
  readonly endpointsOf: (networkId: string) => readonly EndpointRecord[] | undefined;
}

/** The hosts with which this host shares a network: both have endpoints in it, this one at least had a minute ago. */
export class NetworkPeers {
  readonly #networks = new Map<string, Counts>();
  #onChange: () => void = () => undefined;

  constructor(private readonly parts: NetworkPeersParts) {}

  /** Ids. */
  get ids(): ReadonlySet<string> {
    return new Set([...this.#networks.values()].flatMap((counts) => [...counts.keys()]));
  }

  /** Calls `listener`, one at most, when another host came or went. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
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
      if (this.#networks.delete(networkId)) this.#onChange();
      return;
    }
    const counts: Counts = new Map();
    this.#networks.set(networkId, counts);
    this.#note(
      counts,
      endpoints.map((now) => ({ before: undefined, now })),
    );
    this.#onChange();
  }

  #note(counts: Counts, changes: readonly EndpointChange[]): void {
    let isOther = false;
    const add = (hostId: string | undefined, more: number) => {
      if (hostId === undefined || hostId === this.parts.hostId) return;
      const before = counts.get(hostId) ?? 0;
      if (before + more > 0) counts.set(hostId, before + more);
      else counts.delete(hostId);
      isOther ||= before === 0 || before + more === 0;
    };
    for (const { before, now } of changes) {
      add(before?.hostId, -1);
      add(now?.hostId, 1);
    }
    if (isOther) this.#onChange();
  }
}
