/** Asks a host for its part in a trace: this one directly, others through the store. */
import type { z } from 'zod';
import { askHosts } from '../../../agent/questions/asking.js';
import { errorMessage } from '../../../errors.js';
import type { Store } from '../../../store/store.js';
import type { Part } from '../../../trace/facts.js';
import type { Side } from '../../../trace/trace.js';
import type { OwnPart } from './own-part.js';
import type { Step } from './steps.js';

export const TRACE = 'trace';

/** How long another host may take, with the way there and back through etcd. */
const PATIENCE_MS = { find: 6_000, look: 9_000, arm: 5_000, send: 5_000, seen: 4_000 } as const;

export interface AskParts {
  readonly store: Store;
  readonly hostId: string;
  readonly own: OwnPart;
}

export type AskedHost = Pick<Side['host'], 'id' | 'name' | 'state'>;

/** Never rejects: why a host does not answer is its refusal. */
export async function askHost<T extends z.ZodType>(
  { store, hostId, own }: AskParts,
  { id, state, name }: AskedHost,
  step: Step,
  schema: T,
): Promise<Part<z.infer<T>>> {
  try {
    if (id === hostId) return { found: schema.parse(await own.answer(step)) };
    if (id === undefined) return { refusal: 'it is outside of the cluster' };
    if (state === 'silent')
      return { refusal: `${name} gives no sign of life: its xnet does not run, or it is cut off from etcd` };
    if (state === 'unknown') return { refusal: `${name} cannot be asked: etcd does not answer` };
    const question = { kind: TRACE, parameters: step, hostIds: [id] };
    const [answer] = await askHosts(store, hostId, question, PATIENCE_MS[step.step]);
    if (answer?.refusal !== undefined) return { refusal: answer.refusal };
    const parsed = schema.safeParse(answer?.values[0]);
    return parsed.success
      ? { found: parsed.data }
      : { refusal: 'its answer cannot be read; is its xnet newer?' };
  } catch (error: unknown) {
    return { refusal: errorMessage(error) };
  }
}
