/** The answers to one sandbox's queries, counted. What depends on which container asks waits until Docker has said it. */
import { type Answer, answerQuery, type Transport } from '../answers/answer.js';
import { formatFailure } from '../answers/response.js';
import type { PossibleScopes } from '../answers/scope.js';
import type { QueryCounts } from '../collaborators.js';

/** Docker says it some 10 ms after a container's first instruction, on a loaded machine later. */
const MOST_WAITED_MS = 2_000;

/** Beyond it queries are not waited with. */
const MOST_WAITING = 1024;

export interface AnswerParts {
  /** What the sandbox's queries are answered from. */
  readonly possible: () => PossibleScopes;
  /** Resolves when that may have changed, or after so long. */
  readonly change: (timeoutMs: number) => Promise<void>;
  readonly counts: QueryCounts;
  /** 0 to below 1. */
  readonly random: () => number;
}

export type SureAnswer = Exclude<Answer, 'wait'>;

export class SandboxAnswers {
  #waiting = 0;
  #closed = false;

  constructor(private readonly parts: AnswerParts) {}

  /** Queries that wait for an answer. */
  get waiting(): number {
    return this.#waiting;
  }

  /** At once in nearly all cases. Never rejects. */
  find(query: Buffer, transport: Transport): SureAnswer | Promise<SureAnswer> {
    const answer = this.#answer(query, transport, this.parts.possible());
    return answer === 'wait' ? this.#findLater(query, transport) : this.#counted(answer);
  }

  /** What waits is dropped: the clients ask again. */
  close(): void {
    this.#closed = true;
  }

  async #findLater(query: Buffer, transport: Transport): Promise<SureAnswer> {
    const endMs = performance.now() + (this.#waiting < MOST_WAITING ? MOST_WAITED_MS : 0);
    this.#waiting++;
    try {
      for (let leftMs = endMs - performance.now(); leftMs > 0; leftMs = endMs - performance.now()) {
        await this.parts.change(leftMs);
        if (this.#closed) return 'drop';
        const answer = this.#answer(query, transport, this.parts.possible());
        if (answer !== 'wait') return this.#counted(answer);
      }
    } finally {
      this.#waiting--;
    }
    return this.#counted(this.#answerUnsure(query, transport));
  }

  /**
   * Docker is late. Containers that nothing is known of are taken for ones that have no names of their own; where one
   * that is known has, a failure, after which clients ask again, is better than another container's address.
   */
  #answerUnsure(query: Buffer, transport: Transport): SureAnswer {
    const answer = this.#answer(query, transport, { ...this.parts.possible(), isOpen: false });
    return answer === 'wait' ? formatFailure(query) : answer;
  }

  #answer(query: Buffer, transport: Transport, possible: PossibleScopes): Answer {
    return answerQuery(query, transport, possible, this.parts.random);
  }

  #counted(answer: SureAnswer): SureAnswer {
    const { counts } = this.parts;
    if (answer === 'drop') counts.dropped++;
    else if (answer === 'forward') counts.forwarded++;
    else counts.answered++;
    return answer;
  }
}
