import type { GivenPool } from './collaborators.js';

/** Docker's own pause between two calls of one network creation is far below, a container's start far above. */
const CREATING_MS = 100;

/** A RequestPool that was answered on this host. */
export interface PoolRequest
  extends Required<Pick<GivenPool, 'subnet' | 'poolKey'>>,
    Pick<GivenPool, 'network'> {
  /** As Docker was answered. */
  readonly poolId: string;
  readonly addressSpace: string;
}

/**
 * Which pools Docker asked for just now. CreateNetwork names the subnet and not the pool, and two pools may
 * have one subnet, so the two calls are brought together here. In memory: the one follows the other at once.
 */
export class PoolRequests {
  readonly #requests = new Map<string, PoolRequest>();
  /** When Docker last had an answer about a pool it is making a network with, in ms. */
  readonly #answered = new Map<string, number>();
  readonly #nowMs: () => number;

  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  note(request: PoolRequest): void {
    this.#requests.set(request.poolId, request);
    this.touch(request.poolId);
  }

  /** Docker was answered about the pool just now. */
  touch(poolId: string): void {
    if (this.isCreating(poolId) || !this.#answered.has(poolId)) this.#answered.set(poolId, this.#nowMs());
  }

  /**
   * True while Docker is in the midst of `docker network create` with this pool: its calls follow each other
   * within a few ms, and a container of the new network comes later.
   */
  isCreating(poolId: string): boolean {
    const answeredMs = this.#answered.get(poolId);
    return this.#requests.has(poolId) && answeredMs !== undefined && this.#nowMs() - answeredMs < CREATING_MS;
  }

  forget(poolId: string): void {
    this.#requests.delete(poolId);
    this.#answered.delete(poolId);
  }

  /**
   * Takes the newest request for the subnet (first of all one for `networkName`) out of the list, so that
   * the next network of the same subnet gets its own.
   */
  take(addressSpace: string, subnet: string, networkName?: string): GivenPool | undefined {
    const fitting = [...this.#requests.values()].filter(
      (request) => request.addressSpace === addressSpace && request.subnet === subnet,
    );
    const found = fitting.findLast(({ network }) => network?.name === networkName) ?? fitting.at(-1);
    if (found) this.forget(found.poolId);
    return found;
  }
}
