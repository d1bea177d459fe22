import { Sweep } from '../concurrency/sweep.js';
import type { Dataplane } from '../dataplane/dataplane.js';
import type { Engine } from '../docker/engine.js';
import type { LocalNetworks } from '../driver/local-networks.js';
import { errorMessage } from '../errors.js';
import type { Logger } from '../observability/logger.js';
import type { EndpointRecord } from '../store/records.js';
import { Absences } from './absences.js';

export interface ForgottenEndpointsParts {
  readonly engine: Engine;
  readonly dataplane: Dataplane;
  readonly local: LocalNetworks;
  readonly remove: (endpointId: string) => Promise<void>;
  readonly logger: Logger;
  /** Time between two looks while nothing is missing. Default 10000 ms. */
  readonly sweepMs?: number;
}

/** Time between two looks while something is missing, and the least for which it must have been. */
const MISSING_MS = 1_000;

/**
 * Removes the endpoints of this host that Docker will never speak of again: it lost power, or gave them up while xnet
 * was away. Their names would be answered and their addresses kept for ever.
 *
 * One counts as forgotten when the kernel has no interface of it (what runs has one, and what is being created) and no
 * running container has it, at two looks. While Docker does not answer, nothing is removed.
 */
export class ForgottenEndpoints implements AsyncDisposable {
  readonly #parts: ForgottenEndpointsParts;
  readonly #sweep: Sweep;
  readonly #missing = new Absences();

  constructor(parts: ForgottenEndpointsParts) {
    this.#parts = parts;
    this.#sweep = new Sweep({
      look: () => this.#look(),
      retryMs: MISSING_MS,
      // Docker, the store or the kernel; each says so elsewhere.
      onFailure: (error) =>
        parts.logger.debug('cannot look for forgotten endpoints', { error: errorMessage(error) }),
    });
  }

  start(): void {
    this.#sweep.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweep[Symbol.asyncDispose]();
  }

  async #look(): Promise<number> {
    const { sweepMs = 10_000 } = this.#parts;
    const unattached = await this.#findUnattached();
    const running = unattached.length > 0 ? await this.#listRunning() : new Set();
    const missing = unattached.filter(({ id }) => !running.has(id));
    this.#missing.note(missing.map(({ id }) => id));
    const forgotten = missing.filter(({ id }) => this.#missing.isLongerThan(id, MISSING_MS / 2));
    await Promise.all(forgotten.map((endpoint) => this.#remove(endpoint)));
    return missing.length > 0 ? MISSING_MS : sweepMs;
  }

  async #findUnattached(): Promise<EndpointRecord[]> {
    const { dataplane, local } = this.#parts;
    // First what is known: what is made meanwhile is not looked for.
    const known = local.listAllEndpoints();
    const networks = await dataplane.listNetworks();
    const attached = new Set(networks.flatMap(({ endpointNames }) => endpointNames));
    return known.filter(({ id }) => !attached.has(id.slice(0, 12)));
  }

  async #listRunning(): Promise<ReadonlySet<string>> {
    const containers = await this.#parts.engine.listContainers();
    return new Set(containers.flatMap(({ endpoints }) => endpoints.map(({ endpointId }) => endpointId)));
  }

  async #remove({ id, addresses }: EndpointRecord): Promise<void> {
    await this.#parts.remove(id);
    this.#parts.logger.warn('removed an endpoint that Docker has forgotten', { endpoint: id, addresses });
  }
}
