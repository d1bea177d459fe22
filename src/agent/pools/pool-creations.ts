import { withDeadline } from '../../concurrency/deadline.js';
import { type DockerNetwork, prefixesOf } from '../../docker/engine.js';
import { hasOurAddresses } from '../../docker/own-plugin.js';
import type { PoolRequests } from '../../driver/pool-requests.js';
import { errorMessage } from '../../errors.js';
import { keys } from '../../model/keys.js';
import type { NetworkRecord } from '../../model/network.js';
import type { PoolHold } from '../../model/pool.js';
import type { Logger } from '../../observability/logger.js';
import type { View } from '../../replica/view.js';
import { listUnusedHolds, type UnusedHoldsParts } from './unused-holds.js';

/** Docker lists its networks in some ms, or it does not answer at all. */
const LIST_MS = 1000;

export interface PoolCreationsParts extends UnusedHoldsParts {
  readonly requests: PoolRequests;
  /** Of the cluster. */
  readonly clusterNetworks: View<NetworkRecord>;
  /** Where Docker gets the pools of networks of one host. */
  readonly addressSpace: string;
  readonly logger: Logger;
}

/** Gives the driver the pools with which Docker is creating networks, where Docker's calls do not show them. */
export class PoolCreations {
  #listed: ReadonlySet<string> = new Set();

  constructor(private readonly parts: PoolCreationsParts) {}

  /**
   * Resumes the creations that were under way when the former daemon ended; to be awaited before any call is answered.
   * Never rejects: while Docker's API does not answer, no user creates a network.
   */
  async resume(): Promise<void> {
    const { logger } = this.parts;
    try {
      const holds = await withDeadline(listUnusedHolds(this.parts), LIST_MS, 'looking for creations');
      for (const hold of holds) this.#resume(hold);
    } catch (error: unknown) {
      logger.debug('cannot tell which networks are being created', { error: errorMessage(error) });
    }
  }

  /** Takes what Docker has: a new network of another driver has got its pools. */
  note(dockerNetworks: readonly DockerNetwork[]): void {
    const { requests, addressSpace } = this.parts;
    const others = dockerNetworks.filter(hasOurAddresses);
    for (const network of others.filter(({ id }) => !this.#listed.has(id)))
      for (const prefix of prefixesOf(network))
        requests.take(addressSpace, `${prefix}`, network.ipam.options['xnet.name']);
    this.#listed = new Set(others.map(({ id }) => id));
  }

  #resume({ networkName, ...hold }: PoolHold): void {
    const { clusterNetworks, requests } = this.parts;
    const isId = networkName !== undefined && clusterNetworks.get(keys.network(networkName)) !== undefined;
    const network = isId ? { id: networkName } : { name: networkName };
    requests.note({ ...hold, ...(networkName !== undefined && { network }) });
  }
}
