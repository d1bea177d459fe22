/** Work that many ask for at once. Never two runs at a time; who asks while one is under way shares the next one, which begins after it. */
export class SharedRuns<T> {
  #running: Promise<void> | undefined;
  #next: Promise<T> | undefined;

  constructor(private readonly work: () => Promise<T>) {}

  /** Resolves or rejects as a run does that begins now or later. */
  run(): Promise<T> {
    if (!this.#running) return this.#begin();
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  #begin(): Promise<T> {
    const run = this.work();
    const ended = run.then(ignore, ignore).then(() => {
      if (this.#running === ended) this.#running = undefined;
    });
    this.#running = ended;
    return run;
  }
}

function ignore(): void {}
