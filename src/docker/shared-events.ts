import { Mailbox } from '../concurrency/mailbox.js';
import type { EngineEvent } from './engine.js';

/** Opens Docker's event stream, which goes on after every failure until `signal` aborts. */
type Open = (signal: AbortSignal) => AsyncIterable<EngineEvent>;

const RESYNC: EngineEvent = { type: 'resync' };

/**
 * One event stream of Docker's for all who watch: each event is parsed once. It is open while somebody watches. One who reads
 * too slowly gets a `resync` in place of the events that it has missed.
 */
export class SharedEvents {
  readonly #mailboxes = new Set<Mailbox<EngineEvent>>();
  #stop = new AbortController();
  /** The stream has yielded its `resync`, and not ended since. */
  #isConnected = false;

  constructor(private readonly open: Open) {}

  async *watch(signal: AbortSignal): AsyncGenerator<EngineEvent> {
    const mailbox = new Mailbox<EngineEvent>(RESYNC);
    this.#mailboxes.add(mailbox);
    if (this.#mailboxes.size === 1) this.#begin();
    else if (this.#isConnected) mailbox.push(RESYNC);
    try {
      for (;;) {
        const event = await mailbox.next(signal);
        if (event === undefined) return;
        yield event;
      }
    } finally {
      this.#mailboxes.delete(mailbox);
      if (this.#mailboxes.size === 0) this.#stop.abort();
    }
  }

  #begin(): void {
    this.#stop = new AbortController();
    this.#isConnected = false;
    void this.#pass(this.#stop.signal);
  }

  /** Never rejects: neither does `open`. */
  async #pass(signal: AbortSignal): Promise<void> {
    for await (const event of this.open(signal)) {
      if (signal.aborted) return;
      this.#isConnected = true;
      for (const mailbox of this.#mailboxes) mailbox.push(event);
    }
  }
}
