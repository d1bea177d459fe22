import { sleep, sleepRunning } from '../../concurrency/deadline.js';
import { LinkedAbort } from '../../concurrency/linked-abort.js';
import { merge } from '../../concurrency/merge.js';
import { errorMessage } from '../../errors.js';
import type { AnswerRecord } from '../../model/question.js';
import { streamAnswers } from '../questions/asking.js';
import {
  CAPTURE,
  CAPTURE_STREAM,
  type CapturePart,
  type CaptureQuestion,
  capturePart,
} from './capture-question.js';

/** A host that has not begun by then is named. */
const BEGIN_MS = 5_000;
/** After the time of the capture, for what is still on its way: a host may have all of its share yet to send. */
const PATIENCE_MS = 4_000 + (CAPTURE_STREAM.bytes / CAPTURE_STREAM.bytesPerSecond) * 1000;
/** To the next try while the store does not answer. */
const RETRY_MS = 250;

const NOT_BEGUN = `has not begun within ${BEGIN_MS / 1000} s: its xnet does not run, is older, or is overloaded`;
const NOT_ENDED = 'did not say that it has ended: what it captured last may be missing';
const UNREADABLE = 'its answer cannot be read; is its xnet newer?';

/** Of one host: something of what it captured, or why it does not, or not all. */
export interface FromHost {
  readonly hostId: string;
  readonly part?: CapturePart;
  readonly refusal?: string;
}

export type AskingStore = Parameters<typeof streamAnswers>[0];

/** Captures of other hosts, which are asked for through the store, as long as it is iterated. */
export class OtherHosts {
  /** They have not said that they have ended. */
  readonly #running: Set<string>;
  readonly #begun = new Set<string>();

  constructor(
    private readonly store: AskingStore,
    private readonly ownId: string,
    hostIds: readonly string[],
    private readonly question: CaptureQuestion,
  ) {
    this.#running = new Set(hostIds);
  }

  /**
   * Until all have ended, the time is over, or `signal` aborts. Throws nothing: what one host refuses ends no other's capture,
   * and while the store is away this host's own goes on.
   */
  async *capture(signal: AbortSignal): AsyncGenerator<FromHost> {
    using ended = new LinkedAbort([signal]);
    const limit = setTimeout(ended.abort, this.question.seconds * 1000 + PATIENCE_MS);
    try {
      yield* merge<FromHost>(ended.signal, [
        (until) => this.#ask(until, ended.abort),
        (until) => this.#nameTheLate(until),
      ]);
      if (signal.aborted) return;
      for (const hostId of this.#running) if (this.#begun.has(hostId)) yield { hostId, refusal: NOT_ENDED };
    } finally {
      clearTimeout(limit);
    }
  }

  /** Asks anew when the store was away: an asker that is cut off loses its question. */
  async *#ask(signal: AbortSignal, onEnd: () => void): AsyncGenerator<FromHost> {
    let failure: string | undefined;
    while (this.#running.size > 0 && !signal.aborted) {
      try {
        const question = { kind: CAPTURE, parameters: this.question, hostIds: [...this.#running] };
        for await (const answer of streamAnswers(this.store, this.ownId, question, signal)) {
          failure = undefined;
          yield this.#take(answer);
        }
      } catch (error: unknown) {
        if (failure === undefined)
          for (const hostId of this.#running) yield { hostId, refusal: errorMessage(error) };
        failure = errorMessage(error);
        await sleep(RETRY_MS, signal);
      }
    }
    onEnd();
  }

  #take({ hostId, value, refusal, isLast }: AnswerRecord): FromHost {
    this.#begun.add(hostId);
    if (isLast) this.#running.delete(hostId);
    if (refusal !== undefined) return { hostId, refusal };
    const parsed = capturePart.safeParse(value ?? {});
    return parsed.success ? { hostId, part: parsed.data } : { hostId, refusal: UNREADABLE };
  }

  async *#nameTheLate(signal: AbortSignal): AsyncGenerator<FromHost> {
    await sleepRunning(BEGIN_MS, signal);
    if (signal.aborted) return;
    for (const hostId of this.#running) if (!this.#begun.has(hostId)) yield { hostId, refusal: NOT_BEGUN };
  }
}
