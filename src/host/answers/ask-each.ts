import type { z } from 'zod';
import type { Question } from '../../agent/questions/asking.js';
import type { Store } from '../../store/store.js';
import { askOthers } from './living-hosts.js';

/** What a host answers in one part, or why it does not. */
export type Reply<T> = { readonly found: T } | { readonly refusal: string };

/**
 * Asks all of `hostIds` by one question, since every host of the cluster reads each question. Resolves to their replies, in this
 * order. Never rejects: why there is no reply is its refusal.
 */
export async function askEach<T extends z.ZodType>(
  { store, hostId }: { readonly store: Store; readonly hostId: string },
  question: Question & Required<Pick<Question, 'hostIds'>>,
  schema: T,
  patienceMs: number,
  signal?: AbortSignal,
): Promise<Reply<z.infer<T>>[]> {
  const answers = await askOthers(store, hostId, question, patienceMs, signal);
  return answers.map(({ values, refusal }) => {
    const { success, data } = schema.safeParse(values[0]);
    if (success) return { found: data };
    return { refusal: refusal ?? 'its answer cannot be read; is its xnet newer?' };
  });
}
