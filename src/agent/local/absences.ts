/**
 * Since when expected things are missing, over several looks. One look proves little: the things that it compares
 * change while they are read.
 */
export class Absences {
  #since: ReadonlyMap<string, number> = new Map();

  /** What is missing at this look; all else is forgotten. */
  note(missing: Iterable<string>): void {
    const now = performance.now();
    this.#since = new Map([...missing].map((id) => [id, this.#since.get(id) ?? now]));
  }

  /** Missing at this look, and already `ms` ago. */
  isLongerThan(id: string, ms: number): boolean {
    const since = this.#since.get(id);
    return since !== undefined && performance.now() - since >= ms;
  }

  /** Until another one is missing for `ms`; `ms` where there is none. */
  leftOf(ms: number): number {
    const now = performance.now();
    const left = [...this.#since.values()].map((since) => since + ms - now);
    return Math.min(ms, ...left.filter((each) => each > 0));
  }

  get size(): number {
    return this.#since.size;
  }
}
