import type { PoolHold } from '../model/pool.js';
import type { GivenPool } from './collaborators.js';
import type { NetworkReference } from './networks/network-options.js';

/** A RequestPool that this host answered, by this daemon or a former one. */
export interface PoolRequest extends PoolHold {
  readonly network?: NetworkReference;
  /** As GivenPool. */
  readonly isChosen?: true;
}

/**
 * The pools with which Docker is creating a network: from RequestPool until the network is there, or the pool is given
 * back. CreateNetwork names the subnet and not the pool, and two pools may have one subnet, so the two calls are
 * brought together here. The agent adds what no call of Docker's reports: that a network of another driver exists, and
 * what a former daemon answered.
 */
export class PoolRequests {
  readonly #requests = new Map<string, PoolRequest>();

  note(request: PoolRequest): void {
    this.#requests.set(request.hold, request);
  }

  /**
   * True until the network exists; before that it has no container. For a network of another driver it stays true
   * without access to Docker's API.
   */
  isCreating(hold: string): boolean {
    return this.#requests.has(hold);
  }

  forget(hold: string): void {
    this.#requests.delete(hold);
  }

  /**
   * The network is there. Takes the newest request for the subnet (first of all one for `networkName`) out of the list,
   * so that the next network of the same subnet gets its own.
   */
  take(addressSpace: string, subnet: string, networkName?: string): GivenPool | undefined {
    const fitting = [...this.#requests.values()].filter(
      (request) => request.addressSpace === addressSpace && request.subnet === subnet,
    );
    const found = fitting.findLast(({ network }) => network?.name === networkName) ?? fitting.at(-1);
    if (found) this.forget(found.hold);
    return found;
  }
}
