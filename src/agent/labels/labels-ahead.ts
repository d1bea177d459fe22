import { nextTurn } from '../../concurrency/turns.js';
import type { Engine } from '../../docker/engine.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage } from '../../errors.js';
import { putEndpoint } from '../../model/by-host.js';
import { type EndpointRecord, endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import { publishedLabels } from '../../model/policy/labels.js';
import type { Logger } from '../../observability/logger.js';
import type { Store } from '../../store/store.js';
import { changeRecord } from '../../store/transact.js';
import type { NetworkFollower } from '../forwarding/network-follower.js';
import type { KnownLabels } from './known-labels.js';

export interface LabelsAheadParts {
  readonly store: Pick<Store, 'get' | 'commit'>;
  readonly local: Pick<LocalNetworks, 'findEndpoint'>;
  readonly follower: Pick<NetworkFollower, 'findEndpoint'>;
  readonly labels: Pick<KnownLabels, 'labelsOf' | 'learn'>;
  /** The network has policies. */
  readonly isRuled: (networkId: string) => boolean;
  readonly logger: Logger;
}

/**
 * Publishes the labels of a container in a network with policies while it is being started, mostly before its process runs. No call of
 * Docker's waits for it: until labels are known the rules let nobody begin anything with the container. Docker is asked only what it answers
 * without the container's lock, which it holds. In all other networks labels come with the names, a moment after the start.
 */
export class LabelsAhead {
  #engine: Pick<Engine, 'findContainerOf'> | undefined;
  /** By endpoint, what is under way. */
  readonly #publishing = new Map<string, Promise<void>>();

  constructor(private readonly parts: LabelsAheadParts) {}

  connect(engine: Pick<Engine, 'findContainerOf'>): void {
    this.#engine = engine;
  }

  /** Begins to publish them, unless they are published, when the call that is being answered is done. Docker may not know the endpoint yet: to be called again. */
  publishSoon(endpointId: string): void {
    const endpoint = this.parts.local.findEndpoint(endpointId);
    if (!endpoint || !this.parts.isRuled(endpoint.networkId)) return;
    const former = this.#publishing.get(endpointId) ?? nextTurn();
    const publishing = former
      .then(() => this.#publish(endpoint))
      .catch((error: unknown) =>
        this.parts.logger.warn("cannot publish a container's labels before its start", {
          endpoint: endpointId,
          error: errorMessage(error),
        }),
      )
      .finally(() => {
        if (this.#publishing.get(endpointId) === publishing) this.#publishing.delete(endpointId);
      });
    this.#publishing.set(endpointId, publishing);
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
    // Read anew: names may be published meanwhile, and the view be a moment behind.
    const add = (record: EndpointRecord) => (record.labels ? undefined : { ...record, labels });
    await changeRecord(store, keys.endpoint(networkId, id), endpointRecord, add, putEndpoint);
  }
}
