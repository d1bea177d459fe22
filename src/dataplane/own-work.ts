/** How long the kernel's word of a change may come after the change. Later, it is taken for somebody else's. */
const ECHO_MS = 100;

/**
 * What this process is doing in which namespace, so that the kernel's events of it are told from those of others. It
 * is a matter of cost alone: an event too many makes for a look that finds nothing, one too few is for the sweep.
 */
export class OwnWork {
  readonly #busy = new Map<string, number>();
  readonly #endedAt = new Map<string, number>();

  async run<T>(namespace: string, work: () => Promise<T>): Promise<T> {
    this.#busy.set(namespace, (this.#busy.get(namespace) ?? 0) + 1);
    try {
      return await work();
    } finally {
      this.#end(namespace);
    }
  }

  isOwn(namespace: string): boolean {
    if (this.#busy.has(namespace)) return true;
    const endedAt = this.#endedAt.get(namespace);
    return endedAt !== undefined && performance.now() - endedAt < ECHO_MS;
  }

  #end(namespace: string): void {
    const left = (this.#busy.get(namespace) ?? 1) - 1;
    if (left > 0) this.#busy.set(namespace, left);
    else {
      this.#busy.delete(namespace);
      const now = performance.now();
      for (const [other, endedAt] of this.#endedAt) if (now - endedAt > ECHO_MS) this.#endedAt.delete(other);
      this.#endedAt.set(namespace, now);
    }
  }
}
