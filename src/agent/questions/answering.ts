/**
 * src/agent/questions: what people ask of all hosts (`xnet doctor --all`), through the store. A host answers what it has a
 * handler for, and nothing that changes anything. Not in here: what is answered.
 */
import { sleep } from '../../concurrency/deadline.js';
import { orAborted, untilAborted } from '../../concurrency/until-aborted.js';
import { errorMessage, isXnetError } from '../../errors.js';
import { keys } from '../../model/keys.js';
import { type AnswerRecord, type QuestionRecord, questionRecord } from '../../model/question.js';
import { formatRecord } from '../../model/record.js';
import type { Logger } from '../../observability/logger.js';
import type { Replica } from '../../replica/replica.js';
import type { View, ViewChanges } from '../../replica/view.js';
import { leaseOfAnother } from '../../store/store.js';

/** Between two tries to write an answer while the store is away. */
const RETRY_MS = 1000;

/** Answers a question of one kind, in one or more parts. Throws what is shown to the asker as the reason. */
export type Handler = (parameters: unknown, signal: AbortSignal) => AsyncIterable<unknown>;

export type QuestionHandlers = Readonly<Record<string, Handler>>;

export interface AnsweringParts {
  readonly replica: Replica;
  readonly hostId: string;
  readonly handlers: QuestionHandlers;
  readonly logger: Logger;
}

/**
 * Answers the questions of other hosts, until it is disposed of. A question that is gone is not answered any further. Neither waits
 * for what a handler is doing, such as a check of the doctor's.
 */
export class Answering implements AsyncDisposable {
  readonly #questions: View<QuestionRecord>;
  /** Those that are there, and have been answered or are being answered. */
  readonly #begun = new Set<string>();
  /** Those that are being answered. */
  readonly #running = new Map<string, { readonly stop: AbortController; readonly done: Promise<void> }>();

  constructor(private readonly parts: AnsweringParts) {
    this.#questions = parts.replica.follow(keys.questions(), questionRecord);
    this.#questions.onChange((changes) => this.#take(changes));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#questions[Symbol.asyncDispose]();
    for (const { stop } of this.#running.values()) stop.abort();
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  #take(changes: ViewChanges<QuestionRecord>): void {
    for (const { key, now } of changes.values()) {
      if (now) continue;
      this.#running.get(key)?.stop.abort();
      this.#begun.delete(key);
    }
    // What was last known may be long over. What is not is no change any more when the store answers, so all are looked at.
    if (!this.#questions.isCurrent) return;
    for (const { key, record } of this.#questions.all())
      if (record && this.#isForMe(record)) this.#begin(key, record);
  }

  #isForMe({ hostId: asker, hostIds }: QuestionRecord): boolean {
    const { hostId } = this.parts;
    return asker !== hostId && (hostIds?.includes(hostId) ?? true);
  }

  #begin(key: string, question: QuestionRecord): void {
    if (this.#begun.has(key)) return;
    this.#begun.add(key);
    const stop = new AbortController();
    const done = this.#answer(question, stop.signal)
      .catch((error: unknown) => {
        // The asker does not wait any more, and its lease has ended.
        const fields = { kind: question.kind, error: errorMessage(error) };
        if (!stop.signal.aborted) this.parts.logger.debug('a question could not be answered', fields);
      })
      .finally(() => this.#running.delete(key));
    this.#running.set(key, { stop, done });
  }

  async #answer({ id, lease, kind, parameters }: QuestionRecord, signal: AbortSignal): Promise<void> {
    let part = 0;
    const write = async (answer: Omit<AnswerRecord, 'version' | 'hostId'>) => {
      const { hostId, replica } = this.parts;
      part += 1;
      const value = formatRecord<AnswerRecord>({ version: 1, hostId, ...answer });
      const put = { put: keys.answer(id, hostId, part), value, lease: leaseOfAnother(lease) };
      await this.#whileAsked(signal, () =>
        replica.commit([{ key: keys.question(id), is: 'present' }], [put]),
      );
    };
    try {
      // Not what every object has, such as `constructor`.
      const { handlers } = this.parts;
      const handler = Object.hasOwn(handlers, kind) ? handlers[kind] : undefined;
      if (!handler) throw new Error(`its xnet does not know the question "${kind}": upgrade it`);
      for await (const value of untilAborted(handler(parameters, signal), signal)) {
        if (signal.aborted) return;
        await write({ value, isLast: false });
      }
      // A host that stops is asked again when it is back, unless it has said that this is all.
      if (!signal.aborted) await write({ isLast: true });
    } catch (error: unknown) {
      if (!signal.aborted) await write({ refusal: errorMessage(error), isLast: true });
    }
  }

  /** A question that follows what happens outlives a short absence of the store. */
  async #whileAsked(signal: AbortSignal, commit: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await orAborted(commit(), signal);
        return;
      } catch (error: unknown) {
        if (signal.aborted || !isXnetError(error, 'STORE_UNAVAILABLE')) throw error;
        await sleep(RETRY_MS, signal);
      }
    }
  }
}
