/**
 * src/agent/forwarding: keeps the kernel of this host equal to the store, for the networks in which it has endpoints,
 * and repairs drift. Traffic goes on while the store is away: nothing is removed because the store does not answer. Not
 * in here: how the kernel is changed (src/dataplane/).
 */
import { type Patience, sleep, waitForWork } from '../../concurrency/deadline.js';
import type { Dataplane, NetworkSpec } from '../../dataplane/dataplane.js';
import { errorMessage } from '../../errors.js';
import { type EndpointRecord, endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import type { Logger } from '../../observability/logger.js';
import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';
import type { HostsView } from '../hosts/hosts-view.js';
import { planNetworkForwarding } from './forwarding-plan.js';

/** How long a network is followed after its last endpoint on this host went. */
const REST_MS = 60_000;
/** Less than the time in which Docker is answered (RPC_DEADLINE_MS), so that the answer has the reason. */
const PATIENCE: Patience = { failingMs: 8_000, workingMs: 45_000 };

export interface FollowerParts {
  readonly replica: Replica;
  readonly dataplane: Dataplane;
  readonly hosts: HostsView;
  readonly hostId: string;
  readonly logger: Logger;
  /** Called when the result of `endpointsOf` for a network has changed. */
  readonly changed: (networkId: string) => void;
}

interface Followed {
  readonly loop: ForwardingLoop;
  readonly stop: AbortController;
  readonly applied: Promise<void>;
  readonly ended: Promise<void>;
  restTimer?: NodeJS.Timeout | undefined;
}

/**
 * Keeps this host's forwarding for its networks equal to the store. Level-triggered: after any change the whole
 * forwarding of the network is computed and given to the data plane, which applies the difference.
 */
export class NetworkFollower implements AsyncDisposable {
  readonly #parts: FollowerParts;
  readonly #followed = new Map<string, Followed>();

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when this host forwards to all endpoints of the network. Rejects when it does not in the time that
   * `patience` gives, with the latest failure, or TIMEOUT; the network is followed nevertheless.
   */
  async follow(network: NetworkSpec, patience = PATIENCE): Promise<void> {
    const { applied, loop, restTimer } = this.#followed.get(network.id) ?? this.#start(network);
    clearTimeout(restTimer);
    await waitForWork(applied, patience, `following network ${network.id}`, () => loop.findFailure());
  }

  /** Each network soon gets the spec that `specOf` returns, and all its entries are computed again. */
  refresh(specOf: (networkId: string) => NetworkSpec | undefined): void {
    for (const [networkId, { loop }] of this.#followed) loop.refresh(specOf(networkId));
  }

  rest(networkId: string): void {
    const followed = this.#followed.get(networkId);
    if (!followed) return;
    clearTimeout(followed.restTimer);
    followed.restTimer = setTimeout(() => void this.unfollow(networkId), REST_MS).unref();
  }

  async unfollow(networkId: string): Promise<void> {
    const followed = this.#followed.get(networkId);
    if (!followed) return;
    clearTimeout(followed.restTimer);
    followed.stop.abort();
    this.#followed.delete(networkId);
    await followed.ended;
    this.#parts.changed(networkId);
  }

  /** The network's endpoints on all hosts as the store has them; undefined when it is not followed (yet). */
  endpointsOf(networkId: string): readonly EndpointRecord[] | undefined {
    return this.#followed.get(networkId)?.loop.endpoints;
  }

  /** False while more of them may be known soon; undefined when the network is not followed. */
  isLatest(networkId: string): boolean | undefined {
    return this.#followed.get(networkId)?.loop.view.isLatest;
  }

  /** One of them; undefined also while the store's state is not known. */
  findEndpoint(networkId: string, endpointId: string): EndpointRecord | undefined {
    return this.#followed.get(networkId)?.loop.view.get(keys.endpoint(networkId, endpointId))?.record;
  }

  /** Why the kernel does not have the store's state, for each network of which that is so. */
  get failures(): { readonly networkId: string; readonly reason: string }[] {
    return [...this.#followed].flatMap(([networkId, { loop }]) =>
      loop.failure === undefined ? [] : [{ networkId, reason: errorMessage(loop.failure) }],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#followed.keys()].map((networkId) => this.unfollow(networkId)));
  }

  #start(network: NetworkSpec): Followed {
    const stop = new AbortController();
    const loop = new ForwardingLoop(this.#parts, network, stop.signal);
    const ended = loop.run();
    const followed: Followed = { loop, stop, applied: loop.applied, ended };
    this.#followed.set(network.id, followed);
    return followed;
  }
}

/** The loop of one network: waits for a change, then applies the newest state. */
class ForwardingLoop {
  /** Resolves when the kernel first equals the store, or when the loop ends. */
  readonly applied: Promise<void>;
  readonly #parts: FollowerParts;
  #network: NetworkSpec;
  readonly #signal: AbortSignal;
  readonly view: View<EndpointRecord>;
  /** Of the last attempt. */
  failure: unknown;
  #wake: () => void = () => undefined;
  #changed = false;
  /** The kernel had the network when it was last looked at; a failure makes it be looked at again. */
  #ensured = false;
  #resolveApplied: () => void = () => undefined;

  constructor(parts: FollowerParts, network: NetworkSpec, signal: AbortSignal) {
    this.#parts = parts;
    this.#network = network;
    this.#signal = signal;
    this.view = parts.replica.follow(keys.endpointsOf(network.id), endpointRecord);
    this.applied = new Promise((resolve) => {
      this.#resolveApplied = resolve;
    });
  }

  async run(): Promise<void> {
    const { hosts, changed } = this.#parts;
    const forget = hosts.onChange(() => this.#hint());
    this.#signal.addEventListener('abort', () => this.#hint());
    this.view.onChange(() => {
      changed(this.#network.id);
      this.#hint();
    });
    while (!this.#signal.aborted) {
      await this.#nextChange();
      if (!this.#signal.aborted && this.endpoints) await this.#apply(this.endpoints);
    }
    forget();
    this.#resolveApplied();
    await this.view[Symbol.asyncDispose]();
  }

  /** undefined: they are not known yet. */
  get endpoints(): readonly EndpointRecord[] | undefined {
    return this.view.isReady ? this.view.records : undefined;
  }

  refresh(network = this.#network): void {
    this.#network = network;
    this.#ensured = false;
    this.#hint();
  }

  /** Of the last attempt; where nothing could be attempted, of reading the store. */
  async findFailure(): Promise<unknown> {
    if (this.failure !== undefined || this.endpoints !== undefined) return this.failure;
    return this.#parts.replica.list(keys.endpointsOf(this.#network.id)).then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  #hint(): void {
    this.#changed = true;
    this.#wake();
  }

  async #nextChange(): Promise<void> {
    if (!this.#changed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#changed = false;
  }

  async #apply(endpoints: readonly EndpointRecord[]): Promise<void> {
    const { dataplane, hosts, hostId, logger } = this.#parts;
    const forwarding = planNetworkForwarding(hostId, endpoints, (id) => hosts.vtepOf(id));
    try {
      // Set before the await: what is requested in the meantime is done at the next turn.
      const isEnsured = this.#ensured;
      this.#ensured = true;
      if (!isEnsured) await dataplane.ensureNetwork(this.#network);
      const change = await dataplane.setForwarding(this.#network.id, forwarding);
      if (change.added + change.removed > 0) {
        logger.debug('forwarding set', { network: this.#network.id, ...change });
      }
      this.failure = undefined;
      this.#resolveApplied();
    } catch (error: unknown) {
      if (this.#signal.aborted) return;
      this.#noteFailure(error);
      this.#changed = true;
      this.#ensured = false;
      await sleep(1000, this.#signal);
    }
  }

  #noteFailure(error: unknown): void {
    const reason = errorMessage(error);
    if (this.failure === undefined || errorMessage(this.failure) !== reason) {
      this.#parts.logger.error('cannot set forwarding', { network: this.#network.id, error: reason });
    }
    this.failure = error;
  }
}
