/** Asks hosts for their parts in a trace: this one directly, others through the store. */
import type { z } from 'zod';
import { errorMessage } from '../../../errors.js';
import type { Store } from '../../../store/store.js';
import type { Part } from '../../../trace/facts.js';
import type { Side } from '../../../trace/trace.js';
import { askEach } from '../ask-each.js';
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
  parts: AskParts,
  { id, state, name }: AskedHost,
  step: Step,
  schema: T,
): Promise<Part<z.infer<T>>> {
  if (id === parts.hostId) return askOwn(parts.own, step, schema);
  if (id === undefined) return { refusal: 'it is outside of the cluster' };
  if (state === 'silent')
    return { refusal: `${name} gives no sign of life: its xnet does not run, or it is cut off from etcd` };
  if (state === 'unknown') return { refusal: `${name} cannot be asked: etcd does not answer` };
  const [answer] = await askOthers(parts, [id], step, schema);
  return answer ?? { refusal: 'it was not asked' };
}

/** Those that are alive, in this order. Never rejects. */
export async function askOthers<T extends z.ZodType>(
  parts: AskParts,
  hostIds: readonly string[],
  step: Step,
  schema: T,
): Promise<Part<z.infer<T>>[]> {
  return askEach(parts, { kind: TRACE, parameters: step, hostIds }, schema, PATIENCE_MS[step.step]);
}

async function askOwn<T extends z.ZodType>(own: OwnPart, step: Step, schema: T): Promise<Part<z.infer<T>>> {
  try {
    return { found: schema.parse(await own.answer(step)) };
  } catch (error: unknown) {
    return { refusal: errorMessage(error) };
  }
}
