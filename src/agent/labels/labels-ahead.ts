import { raceLimit, sleep } from '../../concurrency/deadline.js';
import type { Engine } from '../../docker/engine.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage } from '../../errors.js';
import { putEndpoint } from '../../model/by-host.js';
import type { EndpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import { publishedLabels } from '../../model/policy/labels.js';
import type { Logger } from '../../observability/logger.js';
import type { Store } from '../../store/store.js';
import type { NetworkFollower } from '../forwarding/network-follower.js';
import type { KnownLabels } from './known-labels.js';

export interface LabelsAheadParts {
  readonly store: Pick<Store, 'commit'>;
  readonly local: Pick<LocalNetworks, 'findEndpoint'>;
  readonly follower: Pick<NetworkFollower, 'findEndpoint'>;
  readonly labels: Pick<KnownLabels, 'labelsOf' | 'learn'>;
  /** The network has policies. */
  readonly isRuled: (networkId: string) => boolean;
  readonly logger: Logger;
}

/** How long Docker waits for this at most: a container that starts late is worse than one that nobody reaches for a moment. */
const WAIT_MS = 1_000;

/**
 * Publishes the labels of a container in a network with policies before its process runs: Docker (28 and later) waits for xnet then.
 * Docker is asked only what it answers without the container's lock, which it holds. In all other networks, and with an older Docker, labels
 * come with the names, a moment after the start.
 */
export class LabelsAhead {
  #engine: Pick<Engine, 'findContainerOf'> | undefined;

  constructor(private readonly parts: LabelsAheadParts) {}

  connect(engine: Pick<Engine, 'findContainerOf'>): void {
    this.#engine = engine;
  }

  /** Resolves when they are published, or after a second. Never fails. */
  async ready(endpointId: string): Promise<void> {
    const { local, isRuled, logger } = this.parts;
    const endpoint = local.findEndpoint(endpointId);
    if (!endpoint || !isRuled(endpoint.networkId)) return;
    const publishing = this.#publish(endpoint).catch((error: unknown) =>
      logger.warn("cannot publish a container's labels before its start", {
        endpoint: endpointId,
        error: errorMessage(error),
      }),
    );
    await raceLimit(publishing, (decided) => sleep(WAIT_MS, decided));
  }

  async #publish(endpoint: EndpointRecord): Promise<void> {
    const { store, follower, labels: known } = this.parts;
    const { id, networkId, dockerNetworkId } = endpoint;
    const stored = follower.findEndpoint(networkId, id) ?? endpoint;
    if (stored.labels) return;
    const container = await this.#engine?.findContainerOf(dockerNetworkId, id);
    const labels = container && publishedLabels(container.labels);
    if (!container || !labels) return;
    known.learn({ ...container, endpoints: [...container.endpoints, { endpointId: id }] });
    // Names may have been published meanwhile.
    const latest = follower.findEndpoint(networkId, id) ?? stored;
    if (latest.labels) return;
    await store.commit(
      [{ key: keys.endpoint(networkId, id), is: 'present' }],
      putEndpoint({ ...latest, labels }),
    );
  }
}
