/**
 * Since when things are missing that should be there, over looks that may be far between. One missing look says
 * little: what is looked at side by side changes meanwhile.
 */
export class Absences {
  readonly #since = new Map<string, number>();
  readonly #nowMs: () => number;

  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** What is missing at this look; all else is forgotten. */
  note(missing: Iterable<string>): void {
    const now = this.#nowMs();
    const former = new Map(this.#since);
    this.#since.clear();
    for (const id of missing) this.#since.set(id, former.get(id) ?? now);
  }

  /** Missing at this look, and already `ms` ago. */
  isLongerThan(id: string, ms: number): boolean {
    const since = this.#since.get(id);
    return since !== undefined && this.#nowMs() - since >= ms;
  }

  get size(): number {
    return this.#since.size;
  }
}
