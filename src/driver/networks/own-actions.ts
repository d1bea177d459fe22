import type { Seen } from '../../model/binding.js';

const MARKED_KEPT_MS = 60_000;

/** A user of this host removed a network of the cluster. */
interface Mark {
  readonly sinceMs: number;
  /** Set by the mirror: a user of this host has created another network in its place. */
  hasSuccessor: boolean;
}

/**
 * What xnet itself does in Docker, by Docker network id, and what users of this host have just removed. Docker calls
 * the driver for both in the same way, and the store does not show at every moment whose action it was.
 */
export class OwnActions {
  /** Networks that Docker has created, by their ids there, until the store has that: their bindings are noted as seen, or gone. */
  readonly made = new Map<string, Seen>();
  readonly #removing = new Set<string>();
  /** Networks of the cluster, by id. */
  readonly #marked = new Map<string, Mark>();
  /** Unbound while the mirror was creating networks, and not known as seen. */
  readonly #unboundUnseen = new Set<string>();
  #makings = 0;

  /** Does `making`, which makes Docker create a network and looks at `isUnboundUnseen` after that. */
  async making(making: () => Promise<void>): Promise<void> {
    this.#makings += 1;
    try {
      await making();
    } finally {
      this.#makings -= 1;
      if (this.#makings === 0) this.#unboundUnseen.clear();
    }
  }

  /**
   * Docker has called the driver to delete it. Whether Docker rolls back a creation or a user removed it is not known
   * yet.
   */
  noteUnboundUnseen(dockerNetworkId: string): void {
    if (this.#makings > 0) this.#unboundUnseen.add(dockerNetworkId);
  }

  isUnboundUnseen(dockerNetworkId: string): boolean {
    return this.#unboundUnseen.has(dockerNetworkId);
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

  /** A user of this host removes the network of the cluster. */
  noteMarked(networkId: string): void {
    this.#marked.set(networkId, { sinceMs: performance.now(), hasSuccessor: false });
  }

  /** Networks of the cluster, by id, that a user of this host removed in the last `ms`, a minute at most. */
  findMarked(ms: number): ReadonlyMap<string, Mark> {
    const now = performance.now();
    for (const [id, { sinceMs }] of this.#marked) if (now - sinceMs > MARKED_KEPT_MS) this.#marked.delete(id);
    return new Map([...this.#marked].filter(([, { sinceMs }]) => now - sinceMs <= ms));
  }

  isRemoving(dockerNetworkId: string): boolean {
    return this.#removing.has(dockerNetworkId);
  }
}
