/**
 * src/agent/names: containers' names, from Docker into their endpoints' records, and into the hosts files of containers in
 * networks of other drivers. Never on the path of a call of Docker's. Not in here: answers to queries (src/dns/).
 */
import { isDeepStrictEqual } from 'node:util';
import { limitTo } from '../../concurrency/limit.js';
import { Sweep } from '../../concurrency/sweep.js';
import type { DockerContainer, Engine, EngineEvent, InspectedContainer } from '../../docker/engine.js';
import type { HostsFiles } from '../../docker/hosts-files.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage } from '../../errors.js';
import { putEndpoint } from '../../model/by-host.js';
import type { EndpointNames, EndpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import { type Labels, publishedLabels } from '../../model/policy/labels.js';
import type { Logger } from '../../observability/logger.js';
import type { Store } from '../../store/store.js';
import type { NetworkFollower } from '../forwarding/network-follower.js';
import { namesOf, swarmNames } from './name-plan.js';

export interface NamePublisherParts {
  readonly store: Store;
  readonly engine: Engine;
  readonly local: Pick<LocalNetworks, 'findEndpoint'>;
  readonly follower: Pick<NetworkFollower, 'findEndpoint'>;
  /** The containers' resolvers, which Docker before 28, or an absence of ours, left without one. */
  readonly sandboxes: {
    has(endpointId: string): boolean;
    enter(endpoint: EndpointRecord, sandboxPath: string): void;
  };
  /** Of containers that run: `sandboxPath` is where the endpoint is. */
  readonly hostsFiles: Pick<HostsFiles, 'enterRunning'>;
  /** What a resolver answers to one container only. */
  readonly containers: {
    expect(containerId: string): void;
    learn(container: InspectedContainer): void;
    failed(containerId: string): void;
    forget(containerId: string): void;
    list(containers: readonly DockerContainer[]): readonly DockerContainer[];
    unreachable(): void;
  };
  /** Of this host's containers. */
  readonly labels: {
    learn(container: InspectedContainer): void;
    forget(containerId: string): void;
  };
  readonly logger: Logger;
  /** How often all containers are looked at, also without events of Docker's. Default 30000 ms. */
  readonly sweepMs?: number;
}

type ContainerEvent = EngineEvent & { readonly type: 'container' };

/**
 * `unless running`: it was started during this look. Docker answers an inspection before or after a start, not within it, so
 * one that finds the container running has seen all of the start.
 */
type NextLook = 'none' | 'unless running' | 'yes';

/** Inspections wait for containers that are being started: enough of them at once not to wait for each other. */
const INSPECTIONS_AT_ONCE = 64;
const RETRY_MS = 1000;

/**
 * Writes the names of this host's containers into their endpoints' records, as Docker reports them. No call of Docker's
 * waits for it, and it writes nothing else. After a disconnect or stop there is nothing to write: the record is removed
 * with the endpoint. A failure is tried again until it succeeds or the container is gone.
 */
export class NamePublisher implements AsyncDisposable {
  readonly #sweepMs: number;
  readonly #retryMs: number;
  readonly #stop = new AbortController();
  readonly #sweep: Sweep;
  readonly #limit = limitTo(INSPECTIONS_AT_ONCE);
  /** Containers being looked at, and whether there is to be another look after this one. */
  readonly #looking = new Map<string, NextLook>();
  readonly #failed = new Set<string>();
  /** What tasks of a swarm were sent since they were started, by container. */
  readonly #signals = new Map<string, Set<number>>();
  readonly #work = new Set<Promise<void>>();
  /** When all containers are looked at next, in ms: at once when Docker's events begin. */
  #resyncAtMs: number;
  #following: Promise<void> | undefined;

  constructor(private readonly parts: NamePublisherParts) {
    this.#sweepMs = parts.sweepMs ?? 30_000;
    this.#resyncAtMs = performance.now() + this.#sweepMs;
    this.#retryMs = Math.min(RETRY_MS, this.#sweepMs);
    this.#sweep = new Sweep({
      look: async () => {
        for (const containerId of this.#failed) this.hint(containerId);
        if (performance.now() >= this.#resyncAtMs) await this.#resync();
        return this.#resyncAtMs - performance.now();
      },
      retryMs: this.#retryMs,
      // The engine's state has the failure, for `xnet status`.
      onFailure: (error) => {
        parts.containers.unreachable();
        parts.logger.debug('cannot list containers', { error: errorMessage(error) });
      },
    });
  }

  start(): void {
    this.#sweep.start();
    this.#following = this.#followDocker();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#sweep[Symbol.asyncDispose]();
    await this.#following;
    await Promise.all(this.#work);
  }

  /** Number of containers whose names could not be published yet. */
  get failures(): number {
    return this.#failed.size;
  }

  /** Looks at all containers, soon. */
  hintAll(): void {
    this.#resyncAtMs = 0;
    this.#sweep.hint();
  }

  /** Publishes the container's names, soon; several hints while it is looked at are one more look. */
  hint(containerId: string, next: NextLook = 'yes'): void {
    if (this.#stop.signal.aborted) return;
    const planned = this.#looking.get(containerId);
    if (planned !== undefined) {
      if (planned !== 'yes') this.#looking.set(containerId, next);
      return;
    }
    this.#looking.set(containerId, 'none');
    this.parts.containers.expect(containerId);
    const work = this.#limit(() => this.#look(containerId)).finally(() => this.#work.delete(work));
    this.#work.add(work);
  }

  async #followDocker(): Promise<void> {
    for await (const event of this.parts.engine.watchEvents(this.#stop.signal)) this.#take(event);
  }

  #take(event: EngineEvent): void {
    if (event.type === 'resync') this.hintAll();
    else if (event.type === 'container') this.#takeContainer(event);
    else if (event.containerId !== undefined) this.hint(event.containerId);
  }

  #takeContainer({ action, containerId, service, signal }: ContainerEvent): void {
    if (action === 'destroy') this.#forget(containerId);
    else if (action === 'start') this.hint(containerId, 'unless running');
    else if (action !== 'kill' && action !== 'health_status') this.hint(containerId);
    if (action === 'die' || action === 'destroy') this.#signals.delete(containerId);
    if (service === undefined) return;
    if (action === 'kill' && signal !== undefined)
      this.#signals.set(containerId, new Set(this.#signals.get(containerId)).add(signal));
    if (action === 'kill' || action === 'health_status') this.hint(containerId);
  }

  /** Docker has removed it. A look that is under way may still find it, and is followed by another. */
  #forget(containerId: string): void {
    this.#failed.delete(containerId);
    if (this.#looking.has(containerId)) this.hint(containerId);
    else this.#forgetKnown(containerId);
  }

  #forgetKnown(containerId: string): void {
    this.parts.containers.forget(containerId);
    this.parts.labels.forget(containerId);
  }

  /** Looks at the containers that changed, and whose endpoints have no resolver, or not the name that Docker's list shows. */
  async #resync(): Promise<void> {
    this.#resyncAtMs = performance.now() + this.#sweepMs;
    const all = await this.parts.engine.listContainers({ all: true });
    const changed = this.parts.containers.list(all);
    for (const { id } of new Set([...changed, ...all.filter((each) => this.#isStale(each))])) this.hint(id);
  }

  #isStale(container: DockerContainer): boolean {
    const { local, follower, sandboxes } = this.parts;
    const mine = container.endpoints.flatMap(({ endpointId }) => local.findEndpoint(endpointId) ?? []);
    return mine.some(({ networkId, id }) => {
      const stored = follower.findEndpoint(networkId, id);
      return (stored && !this.#isNamed(stored, container)) || !sandboxes.has(id);
    });
  }

  #isNamed({ names }: EndpointRecord, container: DockerContainer): boolean {
    if (names?.container !== container.name) return false;
    // Docker's list does not show whether it is stopping.
    if (container.service === undefined || this.#signals.has(container.id)) return true;
    return names.names.includes(container.service) === swarmNames(container).length > 0;
  }

  /** Never rejects. */
  async #look(containerId: string): Promise<void> {
    let isRunning = false;
    do {
      this.#looking.set(containerId, 'none');
      try {
        isRunning = await this.#publish(containerId);
        this.#failed.delete(containerId);
      } catch (error: unknown) {
        if (!this.#failed.has(containerId)) {
          this.parts.logger.warn("cannot publish a container's names; trying again", {
            container: containerId,
            error: errorMessage(error),
          });
        }
        isRunning = false;
        this.#failed.add(containerId);
        this.#sweep.hintLater(this.#retryMs);
        this.parts.containers.failed(containerId);
      }
    } while (this.#isAgain(containerId, isRunning) && !this.#stop.signal.aborted);
    this.#looking.delete(containerId);
  }

  #isAgain(containerId: string, isRunning: boolean): boolean {
    const next = this.#looking.get(containerId);
    return next === 'yes' || (next === 'unless running' && !isRunning);
  }

  /** Resolves to whether it runs. */
  async #publish(containerId: string): Promise<boolean> {
    const container = await this.parts.engine.inspectContainer(containerId);
    if (!container) {
      this.#forgetKnown(containerId);
      return false;
    }
    this.parts.containers.learn(container);
    this.parts.labels.learn(container);
    const named = this.#namedEndpoints(container);
    const { sandboxPath } = container;
    if (sandboxPath !== undefined)
      for (const [endpoint] of named) {
        this.parts.sandboxes.enter(endpoint, sandboxPath);
        this.parts.hostsFiles.enterRunning(endpoint.id, sandboxPath, container.id);
      }
    const labels = publishedLabels(container.labels);
    await Promise.all(named.map(([endpoint, names]) => this.#write(endpoint, names, labels)));
    return sandboxPath !== undefined;
  }

  #namedEndpoints(container: InspectedContainer): [EndpointRecord, EndpointNames][] {
    return container.endpoints.flatMap(({ endpointId }): [EndpointRecord, EndpointNames][] => {
      const endpoint = this.parts.local.findEndpoint(endpointId);
      const names = namesOf(container, endpointId, this.#signals.get(container.id));
      return endpoint && names ? [[endpoint, names]] : [];
    });
  }

  /** No other host writes this record, so it is not read before; one that is gone stays gone. */
  async #write(endpoint: EndpointRecord, names: EndpointNames, labels: Labels | undefined): Promise<void> {
    const { store, follower } = this.parts;
    const { networkId, id } = endpoint;
    const stored = follower.findEndpoint(networkId, id);
    if (isDeepStrictEqual(stored?.names, names) && isDeepStrictEqual(stored?.labels, labels)) return;
    const key = keys.endpoint(networkId, id);
    const { labels: _, ...rest } = endpoint;
    const record = { ...rest, names, ...(labels && { labels }) };
    await store.commit([{ key, is: 'present' }], putEndpoint(record));
  }
}
