import { isDeepStrictEqual } from 'node:util';
import { NEVER_MS, Sweep } from '../../concurrency/sweep.js';
import type { Dataplane, NetworkSpec, RemoteEndpoint } from '../../dataplane/dataplane.js';
import { errorMessage } from '../../errors.js';
import { type EndpointRecord, endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import type { Logger } from '../../observability/logger.js';
import type { Replica } from '../../replica/replica.js';
import type { View, ViewChanges } from '../../replica/view.js';
import type { HostsView } from '../hosts/hosts-view.js';
import { type HostLinks, type HostPlace, planRemote } from './forwarding-plan.js';

/** A kernel that refuses is not asked more often, whatever changes. */
const RETRY_MS = 1_000;

export interface FollowerParts {
  readonly replica: Replica;
  readonly dataplane: Pick<Dataplane, 'ensureNetwork' | 'setForwarding'>;
  readonly hosts: Pick<HostsView, 'vtepOf' | 'encryptedVtepOf' | 'onChange'>;
  /** Which hosts are on this one's segment; absent: routed networks go through the tunnel to all of them. */
  readonly pairs?: HostLinks;
  readonly hostId: string;
  readonly logger: Logger;
  /**
   * Called when endpoints of a network have changed in the store: these alone, or, without `changes`, any: the network is
   * followed for the first time, or not any more.
   */
  readonly changed: (networkId: string, changes?: readonly EndpointChange[]) => void;
}

/** What the view had of an endpoint, the very object, and what it has now. */
export interface EndpointChange {
  readonly before: EndpointRecord | undefined;
  readonly now: EndpointRecord | undefined;
}

/**
 * Keeps this host's forwarding for one network equal to the store, until it is disposed of. A look computes what this host
 * needs of each endpoint that has changed since the last one, or whose host has another VTEP or way to it; of all of them at the first look,
 * after a failure, and after the network's spec or this host's VTEP has changed. What is much is set in steps: changes that
 * come meanwhile are taken with the next step.
 */
export class FollowedNetwork implements AsyncDisposable {
  readonly view: View<EndpointRecord>;
  /** Resolves when the kernel first equals the store, or when this is disposed of. */
  readonly applied: Promise<void>;
  readonly #parts: FollowerParts;
  readonly #sweep: Sweep;
  readonly #stop = new AbortController();
  readonly #forget: readonly (() => void)[];
  #network: NetworkSpec;
  /** The view has had a first batch. */
  #isBegun = false;
  /** The kernel had it when it was last looked at. */
  #isEnsured = false;
  readonly #remotes = new Map<string, RemoteEndpoint>();
  /** By the ids of the hosts, as #remotes has them. */
  readonly #places = new Map<string, HostPlace>();
  /** Keys of endpoints of which #remotes may not be right; undefined: of any. */
  #changed: Set<string> | undefined;
  #resolveApplied: () => void = () => undefined;

  constructor(parts: FollowerParts, network: NetworkSpec) {
    this.#parts = parts;
    this.#network = network;
    this.applied = new Promise((resolve) => {
      this.#resolveApplied = resolve;
    });
    this.#sweep = new Sweep({
      look: () => this.#look(),
      retryMs: 0,
      leastRetryMs: RETRY_MS,
      onFailure: (error) => this.#logFailure(error),
    });
    this.view = parts.replica.follow(keys.endpointsOf(network.id), endpointRecord);
    this.view.onChange((changes) => this.#take(changes));
    const follow = (moved: ReadonlySet<string>) => this.#followHosts(moved);
    this.#forget = [parts.hosts.onChange(follow), ...(parts.pairs ? [parts.pairs.onChange(follow)] : [])];
    void this.view.ready.then(() => this.#sweep.start());
  }

  refresh(network = this.#network): void {
    this.#network = network;
    this.#isEnsured = false;
    this.#changed = undefined;
    this.#sweep.hint();
  }

  /** Why the last look failed; undefined when it succeeded. */
  get failure(): unknown {
    return this.#sweep.failure;
  }

  /** As `failure`; where nothing could be looked at, of reading a key of the endpoints': a list of all may be long. */
  async findFailure(): Promise<unknown> {
    if (this.failure !== undefined || this.view.isReady) return this.failure;
    return this.#parts.replica.get(keys.endpointsOf(this.#network.id)).then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const forget of this.#forget) forget();
    await this.#sweep[Symbol.asyncDispose]();
    this.#resolveApplied();
    await this.view[Symbol.asyncDispose]();
  }

  #take(changes: ViewChanges<EndpointRecord>): void {
    const endpoints = [...changes.values()].map(({ before, now }) => ({
      before: before?.record,
      now: now?.record,
    }));
    this.#parts.changed(this.#network.id, this.#isBegun ? endpoints : undefined);
    this.#isBegun = true;
    for (const key of changes.keys()) this.#changed?.add(key);
    this.#sweep.hint();
  }

  /** Endpoints of hosts that are elsewhere now have changed. This host's own decides which it can send to at all. */
  #followHosts(hostIds: ReadonlySet<string>): void {
    const isMoved = (id: string) =>
      this.#places.has(id) && !isDeepStrictEqual(this.#findPlace(id), this.#places.get(id));
    const moved = new Set([...hostIds].filter(isMoved));
    if (moved.size === 0) return;
    if (moved.has(this.#parts.hostId)) this.#changed = undefined;
    for (const id of moved) this.#places.set(id, this.#findPlace(id));
    for (const { key, record } of this.view.all())
      if (record && moved.has(record.hostId)) this.#changed?.add(key);
    this.#sweep.hint();
  }

  async #look(): Promise<number> {
    if (this.failure !== undefined) {
      this.#isEnsured = false;
      this.#changed = undefined;
    }
    while (!this.#stop.signal.aborted) {
      if ((await this.#step()) > 0) continue;
      this.#resolveApplied();
      break;
    }
    return NEVER_MS;
  }

  /** Resolves to how many entries are left for the next steps. */
  async #step(): Promise<number> {
    const { dataplane, logger } = this.#parts;
    const network = this.#network;
    const [isEnsured, changed] = [this.#isEnsured, this.#changed];
    // Before the first await: what is asked for in the meantime is done in the next step, or at the next look.
    this.#isEnsured = true;
    this.#changed = new Set();
    // Of a host without endpoints nothing is to be compared any more.
    if (!changed) this.#places.clear();
    for (const key of changed ?? this.#allKeys()) this.#planAnew(key);
    if (!isEnsured) await dataplane.ensureNetwork(network);
    // Another may follow the network by now: what is wanted here is no longer what is to be.
    if (this.#stop.signal.aborted) return 0;
    const change = await dataplane.setForwarding(network.id, this.#remotes, changed);
    if (change.added + change.removed > 0) logger.debug('forwarding set', { network: network.id, ...change });
    return change.left;
  }

  #allKeys(): string[] {
    return [...this.#remotes.keys(), ...[...this.view.all()].map(({ key }) => key)];
  }

  #planAnew(key: string): void {
    const known = this.view.get(key);
    const remote = known && planRemote(this.#parts.hostId, known, (id) => this.#placeOf(id));
    if (remote) this.#remotes.set(key, remote);
    else this.#remotes.delete(key);
  }

  #placeOf(hostId: string): HostPlace {
    const place = this.#findPlace(hostId);
    this.#places.set(hostId, place);
    return place;
  }

  #findPlace(hostId: string): HostPlace {
    const { hosts, pairs, hostId: own } = this.#parts;
    if (this.#network.encryptedVtep !== undefined) return { vtep: hosts.encryptedVtepOf(hostId) };
    const vtep = hosts.vtepOf(hostId);
    const isRouted = this.#network.mode?.kind === 'routed' && hostId !== own;
    return isRouted ? { vtep, link: pairs?.linkTo(hostId) } : { vtep };
  }

  #logFailure(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#parts.logger.error('cannot set forwarding', {
      network: this.#network.id,
      error: errorMessage(error),
    });
  }
}
