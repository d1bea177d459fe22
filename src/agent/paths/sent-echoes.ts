/** Longer than an answer is waited for. */
const OLD_MS = 30_000;
const SEQUENCES = 0x10000;

/** Requests that may still be answered, by their sequence number. */
export class SentEchoes<SentEcho extends { readonly sentMs: number }> {
  /** In the order in which they were sent. */
  readonly #sent = new Map<number, SentEcho>();
  #last = 0;

  /** Returns its sequence number. */
  add(echo: SentEcho): number {
    this.#last = (this.#last + 1) % SEQUENCES;
    this.#sent.set(this.#last, echo);
    return this.#last;
  }

  /** An answer counts once. */
  take(sequence: number): SentEcho | undefined {
    const echo = this.#sent.get(sequence);
    this.#sent.delete(sequence);
    return echo;
  }

  forgetOld(nowMs: number): void {
    for (const [sequence, { sentMs }] of this.#sent) {
      if (nowMs - sentMs < OLD_MS) return;
      this.#sent.delete(sequence);
    }
  }
}
