/**
 * What one host asks the others, and what they answer: through the store, since hosts reach each other's containers, not each
 * other's daemons. Both are under the asker's lease, and vanish with it.
 */
import { z } from 'zod';
import { id } from './fields.js';
import { hasParts, keyPart, placed, version, versioned } from './record.js';

export const questionKeys = {
  question: (questionId: string) => `questions/${keyPart(questionId)}`,
  questions: () => 'questions/',
  /** Parts are numbered from 1, each host's for itself. */
  answer: (questionId: string, hostId: string, part: number) =>
    `answers/${keyPart(questionId)}/${keyPart(hostId)}/${`${part}`.padStart(8, '0')}`,
  answers: () => 'answers/',
  answersTo: (questionId: string) => `answers/${keyPart(questionId)}/`,
} as const;

export const questionRecord = placed(
  versioned({
    version,
    id,
    /** Of the host that asks. */
    hostId: id,
    /** Id of the lease that the answers are to be under. */
    lease: id,
    kind: z.string(),
    parameters: z.unknown(),
    /** Ids of the hosts that are asked; absent: all. */
    hostIds: z.array(id).optional(),
  }),
  (key, record) => hasParts(key, record.id),
);
export type QuestionRecord = z.infer<typeof questionRecord>;

export const answerRecord = placed(
  versioned({
    version,
    hostId: id,
    /** Absent in the last part, and in one that is a refusal. */
    value: z.unknown().optional(),
    /** Why the host does not answer. */
    refusal: z.string().optional(),
    /** Nothing follows. */
    isLast: z.boolean(),
  }),
  (key, record) => hasParts(key, record.hostId),
);
export type AnswerRecord = z.infer<typeof answerRecord>;
