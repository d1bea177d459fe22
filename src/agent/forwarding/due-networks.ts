/** The kernel reports what happens in a network; this finds what it has not reported. */
const ALL_MS = 180_000;
/** To the next look, for each endpoint: a look at ten thousand takes some 0.2 s of processor time, so it comes once a minute. */
const REST_MS = 6;

/**
 * Which networks a sweep for drift has to look at: those in which something has happened since the last one, or may have, but a
 * large one less often. A network that rests is looked at every three minutes.
 */
export class DueNetworks {
  readonly #touched = new Set<string>();
  /** Network -> until when it is not looked at. */
  readonly #restingUntil = new Map<string, number>();
  #allAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly nowMs = () => performance.now()) {}

  touch(networkId: string): void {
    this.#touched.add(networkId);
  }

  touchAll(): void {
    this.#allAtMs = Number.NEGATIVE_INFINITY;
  }

  /** A look at the network has ended. `size`: its endpoints on other hosts. */
  noteLook(networkId: string, size: number): void {
    this.#restingUntil.set(networkId, this.nowMs() + Math.min(REST_MS * size, ALL_MS));
  }

  /** Of `used`, those to be looked at now. `isReported`: the kernel reports what happens in the network. */
  take(used: ReadonlySet<string>, isReported: (networkId: string) => boolean): string[] {
    const now = this.nowMs();
    const isAll = now >= this.#allAtMs;
    if (isAll) this.#allAtMs = now + ALL_MS;
    const isDue = (id: string) =>
      isAll || (now >= (this.#restingUntil.get(id) ?? 0) && (this.#touched.has(id) || !isReported(id)));
    const due = [...used].filter(isDue);
    for (const id of due) this.#touched.delete(id);
    for (const id of [...this.#touched, ...this.#restingUntil.keys()]) if (!used.has(id)) this.#forget(id);
    return due;
  }

  #forget(networkId: string): void {
    this.#touched.delete(networkId);
    this.#restingUntil.delete(networkId);
  }
}
