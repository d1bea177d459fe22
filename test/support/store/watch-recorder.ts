/** Follows a watch and keeps what it says, for tests. */
import type { Store, WatchBatch } from '../../../src/store/store.js';

export class WatchRecorder implements AsyncDisposable {
  readonly batches: WatchBatch[] = [];
  /** The state as the watch tells it: key -> value. */
  readonly state = new Map<string, string>();
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #wake: (() => void) | undefined;

  constructor(store: Pick<Store, 'watch'>, prefix: string) {
    this.#done = this.#follow(store.watch(prefix, this.#abort.signal));
  }

  get snapshots(): number {
    return this.batches.filter(({ type }) => type === 'snapshot').length;
  }

  /** Waits until `holds`, or throws after `timeoutMs`. */
  async until(holds: (recorder: this) => boolean, timeoutMs = 10_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!holds(this)) {
      const left = deadline - Date.now();
      if (left <= 0)
        throw new Error(`not so after ${timeoutMs} ms; state: ${[...this.state].slice(0, 20).join(' ')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Ends the watch and waits for its end. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #follow(watch: AsyncIterable<WatchBatch>): Promise<void> {
    for await (const batch of watch) {
      this.batches.push(batch);
      applyBatch(this.state, batch);
      this.#wake?.();
    }
  }
}

function applyBatch(state: Map<string, string>, batch: WatchBatch): void {
  if (batch.type === 'snapshot') {
    state.clear();
    for (const { key, value } of batch.snapshot.entries) state.set(key, value);
    return;
  }
  for (const change of batch.changes) {
    if (change.entry) state.set(change.key, change.entry.value);
    else state.delete(change.key);
  }
}
