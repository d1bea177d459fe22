import { Sweep } from '../../concurrency/sweep.js';
import type { Engine } from '../../docker/engine.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage, XnetError } from '../../errors.js';
import type { BindingRecord, BindingReference } from '../../model/binding.js';
import { type EndpointRecord, endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import type { Logger } from '../../observability/logger.js';
import type { View } from '../../replica/view.js';
import type { RecordReader } from '../../store/record-reader.js';
import type { Entry, Store } from '../../store/store.js';

export interface LocalCatchUpParts {
  readonly store: Store;
  readonly engine: Pick<Engine, 'listNetworks'>;
  readonly hostId: string;
  /** Of this host. */
  readonly bindings: View<BindingRecord>;
  readonly local: LocalNetworks;
  readonly records: RecordReader;
  /** As `recall` of driver/networks/networks.ts and of driver/endpoints/endpoints.ts. */
  readonly recallNetwork: (binding: BindingReference) => Promise<void>;
  readonly recallEndpoint: (endpoint: EndpointRecord) => Promise<void>;
  /** Called when all is read: containers may have lacked their resolvers and names until now. */
  readonly caughtUp: () => void;
  readonly logger: Logger;
}

/** To the next try, while the store or Docker does not answer. */
const RETRY_MS = 500;
const NEVER_MS = 2 ** 31 - 1;

/**
 * For a start while the store was away: once it answers, what it has of this host is read again, and what was made or
 * removed in the last seconds before the start is known. Without that its endpoints and networks would stay in the
 * store when Docker removes them.
 */
export class LocalCatchUp implements AsyncDisposable {
  readonly #parts: LocalCatchUpParts;
  readonly #sweep: Sweep;

  constructor(parts: LocalCatchUpParts) {
    this.#parts = parts;
    this.#sweep = new Sweep({
      look: () => this.#catchUp().then(() => NEVER_MS),
      retryMs: RETRY_MS,
      onFailure: (error) => parts.logger.debug('cannot catch up yet', { error: errorMessage(error) }),
    });
  }

  start(): void {
    this.#sweep.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweep[Symbol.asyncDispose]();
  }

  async #catchUp(): Promise<void> {
    const { local, hostId, records, recallNetwork, recallEndpoint, caughtUp, logger } = this.#parts;
    const bindings = this.#bindings();
    for (const binding of bindings) await recallNetwork(binding);
    for (const networkId of new Set(bindings.map((binding) => binding.networkId))) {
      const prefix = keys.endpointsOf(networkId);
      for (const endpoint of records.read(endpointRecord, prefix, await this.#list(prefix)))
        if (endpoint.hostId === hostId && !local.findEndpoint(endpoint.id)) await recallEndpoint(endpoint);
    }
    await this.#forgetNetworks(bindings);
    logger.info('read what the store did not tell at the start');
    caughtUp();
  }

  /** Those without a binding that Docker has no more: the binding of one that it has may be put back soon. */
  async #forgetNetworks(bindings: readonly BindingRecord[]): Promise<void> {
    const { local, engine, hostId, recallNetwork } = this.#parts;
    const bound = new Set(bindings.map(({ dockerNetworkId }) => dockerNetworkId));
    const unbound = local.listNetworks().filter(({ dockerNetworkId }) => !bound.has(dockerNetworkId));
    if (unbound.length === 0) return;
    const present = new Set((await engine.listNetworks()).map(({ id }) => id));
    for (const { dockerNetworkId, record } of unbound)
      if (!present.has(dockerNetworkId))
        await recallNetwork({ networkId: record.id, hostId, dockerNetworkId });
  }

  /** Throws STORE_UNAVAILABLE when it is not the store that answers. */
  async #list(prefix: string): Promise<readonly Entry[]> {
    const { entries, recalled } = await this.#parts.store.list(prefix);
    if (recalled) throw noAnswer();
    return entries;
  }

  #bindings(): readonly BindingRecord[] {
    const { bindings } = this.#parts;
    if (!bindings.isCurrent) throw noAnswer();
    return bindings.records;
  }
}

function noAnswer(): XnetError {
  return new XnetError('STORE_UNAVAILABLE', 'the store has not answered since this start');
}
