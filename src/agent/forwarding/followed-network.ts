import { NEVER_MS, Sweep } from '../../concurrency/sweep.js';
import type { Dataplane, NetworkSpec, RemoteEndpoint } from '../../dataplane/dataplane.js';
import { errorMessage } from '../../errors.js';
import { type EndpointRecord, endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import type { Logger } from '../../observability/logger.js';
import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';
import type { HostsView } from '../hosts/hosts-view.js';
import { planRemote } from './forwarding-plan.js';

/** A kernel that refuses is not asked more often, whatever changes. */
const RETRY_MS = 1_000;

export interface FollowerParts {
  readonly replica: Replica;
  readonly dataplane: Pick<Dataplane, 'ensureNetwork' | 'setForwarding'>;
  readonly hosts: Pick<HostsView, 'vtepOf' | 'onChange'>;
  readonly hostId: string;
  readonly logger: Logger;
  /** Called when the endpoints of a network have changed, in the store or because it is not followed any more. */
  readonly changed: (networkId: string) => void;
}

/**
 * Keeps this host's forwarding for one network equal to the store, until it is disposed of. A look computes what this host
 * needs of each endpoint that has changed since the last one; of all of them at the first look, after a failure, and after the
 * network's spec or a host's VTEP has changed.
 */
export class FollowedNetwork implements AsyncDisposable {
  readonly view: View<EndpointRecord>;
  /** Resolves when the kernel first equals the store, or when this is disposed of. */
  readonly applied: Promise<void>;
  readonly #parts: FollowerParts;
  readonly #sweep: Sweep;
  readonly #stop = new AbortController();
  readonly #forgetHosts: () => void;
  #network: NetworkSpec;
  /** The kernel had it when it was last looked at. */
  #isEnsured = false;
  readonly #remotes = new Map<string, RemoteEndpoint>();
  /** Host -> its VTEP, as #remotes has it; undefined: it had none. */
  readonly #vteps = new Map<string, string | undefined>();
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
    this.view.onChange((changes) => {
      parts.changed(network.id);
      for (const key of changes.keys()) this.#changed?.add(key);
      this.#sweep.hint();
    });
    this.#forgetHosts = parts.hosts.onChange(() => {
      if ([...this.#vteps].some(([id, vtep]) => parts.hosts.vtepOf(id) !== vtep)) this.#changeAll();
    });
    void this.view.ready.then(() => this.#sweep.start());
  }

  refresh(network = this.#network): void {
    this.#network = network;
    this.#isEnsured = false;
    this.#changeAll();
  }

  /** Why the last look failed; undefined when it succeeded. */
  get failure(): unknown {
    return this.#sweep.failure;
  }

  /** As `failure`; where nothing could be looked at, of reading the store. */
  async findFailure(): Promise<unknown> {
    if (this.failure !== undefined || this.view.isReady) return this.failure;
    return this.#parts.replica.list(keys.endpointsOf(this.#network.id)).then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#forgetHosts();
    await this.#sweep[Symbol.asyncDispose]();
    this.#resolveApplied();
    await this.view[Symbol.asyncDispose]();
  }

  #changeAll(): void {
    this.#changed = undefined;
    this.#sweep.hint();
  }

  async #look(): Promise<number> {
    const isFailing = this.failure !== undefined;
    const { dataplane, logger } = this.#parts;
    const { id } = this.#network;
    const isEnsured = this.#isEnsured && !isFailing;
    const changed = isFailing ? undefined : this.#changed;
    // Before the first await: what is asked for in the meantime is done at the next look.
    this.#isEnsured = true;
    this.#changed = new Set();
    // Of a host without endpoints nothing is to be compared any more.
    if (!changed) this.#vteps.clear();
    for (const key of changed ?? this.#allKeys()) this.#planAnew(key);
    if (!isEnsured) await dataplane.ensureNetwork(this.#network);
    const change = await dataplane.setForwarding(id, this.#remotes, changed);
    if (change.added + change.removed > 0) logger.debug('forwarding set', { network: id, ...change });
    this.#resolveApplied();
    return NEVER_MS;
  }

  #allKeys(): string[] {
    return [...this.#remotes.keys(), ...[...this.view.all()].map(({ key }) => key)];
  }

  #planAnew(key: string): void {
    const known = this.view.get(key);
    const remote = known && planRemote(this.#parts.hostId, known, (id) => this.#vtepOf(id));
    if (remote) this.#remotes.set(key, remote);
    else this.#remotes.delete(key);
  }

  #vtepOf(hostId: string): string | undefined {
    const vtep = this.#parts.hosts.vtepOf(hostId);
    this.#vteps.set(hostId, vtep);
    return vtep;
  }

  #logFailure(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#parts.logger.error('cannot set forwarding', {
      network: this.#network.id,
      error: errorMessage(error),
    });
  }
}
