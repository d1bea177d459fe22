/**
 * src/agent/forwarding: keeps the kernel of this host equal to the store, for the networks in which it has endpoints,
 * and repairs drift. Traffic goes on while the store is away: nothing is removed because the store does not answer. Not
 * in here: how the kernel is changed (src/dataplane/).
 */
import { type Patience, waitForWork } from '../../concurrency/deadline.js';
import type { NetworkSpec } from '../../dataplane/dataplane.js';
import { errorMessage } from '../../errors.js';
import type { EndpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import { FollowedNetwork, type FollowerParts } from './followed-network.js';

/** How long a network is followed after its last endpoint on this host went. */
const IDLE_MS = 60_000;
/** Less than the time in which Docker is answered (RPC_DEADLINE_MS), so that the answer has the reason. */
const PATIENCE: Patience = { failingMs: 8_000, workingMs: 45_000 };

/** Keeps this host's forwarding for its networks equal to the store. */
export class NetworkFollower implements AsyncDisposable {
  readonly #parts: FollowerParts;
  readonly #followed = new Map<string, FollowedNetwork>();
  /** Those that are followed for a while only. */
  readonly #idle = new Map<string, NodeJS.Timeout>();

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when this host forwards to all endpoints of the network. Rejects when it does not in the time that
   * `patience` gives, with the latest failure, or TIMEOUT; the network is followed nevertheless.
   */
  async follow(network: NetworkSpec, patience = PATIENCE): Promise<void> {
    const followed = this.#followed.get(network.id) ?? new FollowedNetwork(this.#parts, network);
    this.#followed.set(network.id, followed);
    clearTimeout(this.#idle.get(network.id));
    const { applied } = followed;
    await waitForWork(applied, patience, `following network ${network.id}`, () => followed.findFailure());
  }

  /** Each network soon gets the spec that `specOf` returns, and all its entries are computed again. */
  refresh(specOf: (networkId: string) => NetworkSpec | undefined): void {
    for (const [networkId, followed] of this.#followed) followed.refresh(specOf(networkId));
  }

  /** As `unfollow`, in a minute, unless it is followed again before. */
  unfollowLater(networkId: string): void {
    clearTimeout(this.#idle.get(networkId));
    this.#idle.set(networkId, setTimeout(() => void this.unfollow(networkId), IDLE_MS).unref());
  }

  async unfollow(networkId: string): Promise<void> {
    clearTimeout(this.#idle.get(networkId));
    this.#idle.delete(networkId);
    const followed = this.#followed.get(networkId);
    if (!followed) return;
    this.#followed.delete(networkId);
    await followed[Symbol.asyncDispose]();
    this.#parts.changed(networkId);
  }

  /** The network's endpoints on all hosts as the store has them; undefined when it is not followed (yet). */
  endpointsOf(networkId: string): readonly EndpointRecord[] | undefined {
    const view = this.#followed.get(networkId)?.view;
    return view?.isReady ? view.records : undefined;
  }

  /** False while more of them may be known soon; undefined when the network is not followed. */
  isLatest(networkId: string): boolean | undefined {
    return this.#followed.get(networkId)?.view.isLatest;
  }

  /** One of them; undefined also while the store's state is not known. */
  findEndpoint(networkId: string, endpointId: string): EndpointRecord | undefined {
    return this.#followed.get(networkId)?.view.get(keys.endpoint(networkId, endpointId))?.record;
  }

  /** Why the kernel does not have the store's state, for each network of which that is so. */
  get failures(): { readonly networkId: string; readonly reason: string }[] {
    return [...this.#followed].flatMap(([networkId, { failure }]) =>
      failure === undefined ? [] : [{ networkId, reason: errorMessage(failure) }],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#followed.keys()].map((networkId) => this.unfollow(networkId)));
  }
}
