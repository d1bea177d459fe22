import { limitTo } from '../../concurrency/limit.js';
import { Sweep } from '../../concurrency/sweep.js';
import type { Dataplane } from '../../dataplane/dataplane.js';
import type { DockerContainer, Engine } from '../../docker/engine.js';
import type { Endpoints } from '../../driver/endpoints/endpoints.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage } from '../../errors.js';
import type { EndpointRecord } from '../../model/endpoint.js';
import type { Logger } from '../../observability/logger.js';
import type { HostRegistration } from '../hosts/host-registration.js';
import { Absences } from '../local/absences.js';

export interface ForgottenEndpointsParts {
  readonly engine: Pick<Engine, 'listContainers' | 'inspectContainer'>;
  readonly dataplane: Pick<Dataplane, 'listNetworks' | 'listOuterEnds'>;
  readonly local: LocalNetworks;
  readonly registration: Pick<HostRegistration, 'isOwner'>;
  readonly endpoints: Pick<Endpoints, 'delete'>;
  readonly logger: Logger;
  /** Time between two looks while nothing is missing. Default 10000 ms. */
  readonly sweepMs?: number;
  /** How long an interface must have been in no container. Default 3000 ms: longer than most starts take. */
  readonly outsideMs?: number;
}

/**
 * Time between two looks while an interface is missing or in no container; half of it is how long one must have been
 * missing.
 */
const SUSPECT_MS = 1_000;

const INSPECTIONS_AT_ONCE = 8;

/** Endpoints that may be forgotten, by what the kernel has of them. */
interface Suspects {
  /** No interface at all. */
  readonly gone: readonly EndpointRecord[];
  /** An interface that is in the host's namespace. */
  readonly outside: readonly EndpointRecord[];
}

/**
 * Removes the endpoints of this host that Docker no longer knows, because the host lost power, or because Docker gave
 * them up while xnet did not answer. Else their names would be answered and their addresses kept for ever.
 *
 * An endpoint counts as forgotten when no running container has it and its interface is missing at two looks, or is
 * outside of every container and still is when all container starts under way have ended. While Docker does not answer,
 * nothing is removed.
 *
 * That no running container has it proves little: Docker before 28 joins an endpoint, mounts the volumes and creates
 * the container, which may take minutes, and only then moves the interface into it. In all that time Docker holds the
 * container's lock, for which an inspection waits. So all containers are inspected, once an interface has been outside
 * for longer than most starts take. When a container ends, Docker first moves the interface back, and then tries for 15
 * s each to call Leave and DeleteEndpoint. For an endpoint that is gone these calls change nothing.
 */
export class ForgottenEndpoints extends Sweep {
  readonly #parts: ForgottenEndpointsParts;
  readonly #gone = new Absences();
  readonly #outside = new Absences();

  constructor(parts: ForgottenEndpointsParts) {
    super({
      look: () => this.#removeForgotten(),
      retryMs: SUSPECT_MS,
      // A failure of Docker, the store or the kernel is reported elsewhere.
      onFailure: (error) =>
        parts.logger.debug('cannot look for forgotten endpoints', { error: errorMessage(error) }),
    });
    this.#parts = parts;
  }

  async #removeForgotten(): Promise<number> {
    const { sweepMs = 10_000, outsideMs = 3_000, registration } = this.#parts;
    if (!registration.isOwner) return SUSPECT_MS;
    const { gone, outside } = await this.#findSuspects();
    this.#gone.note(gone.map(({ id }) => id));
    this.#outside.note(outside.map(({ id }) => id));
    await this.#removeAll(gone.filter(({ id }) => this.#gone.isLongerThan(id, SUSPECT_MS / 2)));
    const long = outside.filter(({ id }) => this.#outside.isLongerThan(id, outsideMs));
    const started = long.length > 0 ? await this.#awaitStarts() : new Set();
    await this.#removeAll(long.filter(({ id }) => !started.has(id)));
    return gone.length + outside.length > 0 ? SUSPECT_MS : sweepMs;
  }

  async #findSuspects(): Promise<Suspects> {
    const { dataplane, local, engine } = this.#parts;
    // The order matters: what is created in the meantime is not in the first list, and what starts in the meantime is in the last.
    const known = local.listAllEndpoints();
    const networks = await dataplane.listNetworks();
    const attached = new Set(networks.flatMap(({ endpointNames }) => endpointNames));
    const outer = new Set(await dataplane.listOuterEnds());
    const suspects = known.filter(({ id }) => !attached.has(nameOf(id)) || outer.has(nameOf(id)));
    const running = new Set(
      suspects.length > 0 ? (await engine.listContainers()).flatMap(endpointIdsOf) : [],
    );
    const forgotten = suspects.filter(({ id }) => !running.has(id));
    return {
      gone: forgotten.filter(({ id }) => !attached.has(nameOf(id))),
      outside: forgotten.filter(({ id }) => attached.has(nameOf(id))),
    };
  }

  /** Waits for all container starts under way. Resolves to the ids of all endpoints that Docker has. */
  async #awaitStarts(): Promise<ReadonlySet<string>> {
    const { engine } = this.#parts;
    const limit = limitTo(INSPECTIONS_AT_ONCE);
    const containers = await engine.listContainers({ all: true });
    const inspected = await Promise.all(containers.map(({ id }) => limit(() => engine.inspectContainer(id))));
    return new Set(inspected.flatMap((container) => (container ? endpointIdsOf(container) : [])));
  }

  async #removeAll(endpoints: readonly EndpointRecord[]): Promise<void> {
    await Promise.all(endpoints.map((endpoint) => this.#remove(endpoint)));
  }

  async #remove({ id, addresses }: EndpointRecord): Promise<void> {
    // Docker has deleted it while the containers were inspected.
    if (!this.#parts.local.findEndpoint(id)) return;
    await this.#parts.endpoints.delete(id);
    this.#parts.logger.warn('removed an endpoint that Docker has forgotten', { endpoint: id, addresses });
  }
}

/** The endpoint's name in the names of its interfaces. */
function nameOf(endpointId: string): string {
  return endpointId.slice(0, 12);
}

function endpointIdsOf({ endpoints }: DockerContainer): string[] {
  return endpoints.map(({ endpointId }) => endpointId);
}
