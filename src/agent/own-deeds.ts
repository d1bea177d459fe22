import type { Seen } from './mirror-records.js';

/**
 * What the mirror does in Docker. Docker calls the driver because of it, just as if a user had done it, and the store
 * does not tell the two apart at every moment.
 */
export class OwnDeeds {
  readonly #made = new Map<string, Seen>();
  readonly #removing = new Set<string>();

  /** Docker has made the network; the store will say so when the binding is noted as seen. */
  noteMade(dockerNetworkId: string, seen: Seen): void {
    this.#made.set(dockerNetworkId, seen);
  }

  /** The store says so, or has no such binding any more. */
  forgetMade(dockerNetworkId: string): void {
    this.#made.delete(dockerNetworkId);
  }

  /** By Docker network id. */
  get made(): ReadonlyMap<string, Seen> {
    return this.#made;
  }

  /** Does `removal`, which makes Docker remove the network. */
  async removing(dockerNetworkId: string, removal: () => Promise<void>): Promise<void> {
    this.#removing.add(dockerNetworkId);
    try {
      await removal();
    } finally {
      this.#removing.delete(dockerNetworkId);
    }
  }

  isRemoving(dockerNetworkId: string): boolean {
    return this.#removing.has(dockerNetworkId);
  }
}
