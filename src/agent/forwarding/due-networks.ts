/** The kernel reports what happens in a network; this finds what it has not reported. */
const ALL_MS = 180_000;

/**
 * Which networks a sweep for drift has to look at: those in which something has happened since the last one, or may have. A
 * network that rests is looked at every three minutes.
 */
export class DueNetworks {
  readonly #touched = new Set<string>();
  #allAtMs = 0;

  touch(networkId: string): void {
    this.#touched.add(networkId);
  }

  touchAll(): void {
    this.#allAtMs = 0;
  }

  /** Of `used`, those to be looked at now. `isReported`: the kernel reports what happens in the network. */
  take(used: Iterable<string>, isReported: (networkId: string) => boolean): string[] {
    const now = performance.now();
    const isAll = now >= this.#allAtMs;
    if (isAll) this.#allAtMs = now + ALL_MS;
    const touched = new Set(this.#touched);
    this.#touched.clear();
    return [...used].filter((id) => isAll || touched.has(id) || !isReported(id));
  }
}
