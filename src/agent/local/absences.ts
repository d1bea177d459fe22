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

  get size(): number {
    return this.#since.size;
  }
}
