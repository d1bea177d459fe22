import { randomUUID } from 'node:crypto';
import { sleep } from '../../concurrency/deadline.js';
import { keys } from '../../model/keys.js';
import { type AnswerRecord, answerRecord, type QuestionRecord } from '../../model/question.js';
import { findRecord, formatRecord } from '../../model/record.js';
import type { Entry, Store } from '../../store/store.js';

export interface Question {
  readonly kind: string;
  readonly parameters: unknown;
  /** Ids of the hosts that are asked. */
  readonly hostIds: readonly string[];
  /** How long their answers are waited for. */
  readonly patienceMs: number;
}

/** What one host answers. */
export interface HostAnswer {
  readonly hostId: string;
  readonly values: readonly unknown[];
  /** Why there is no more: it refused, or did not answer in time; undefined: this is all. */
  readonly refusal?: string;
}

/** Should the asker die, its question does not stay for long. */
const TTL_SECONDS = 15;

/** Resolves to what each of the hosts answers, in the order of `hostIds`. Throws the store's errors. */
export async function askHosts(
  store: Pick<Store, 'grantLease' | 'commit' | 'watch'>,
  hostId: string,
  { kind, parameters, hostIds, patienceMs }: Question,
): Promise<HostAnswer[]> {
  if (hostIds.length === 0) return [];
  const id = randomUUID();
  const lease = await store.grantLease({ ttlSeconds: TTL_SECONDS });
  try {
    const fixed = { version: 1 as const, id, hostId, lease: lease.id };
    const value = formatRecord<QuestionRecord>({ ...fixed, kind, parameters, hostIds: [...hostIds] });
    await store.commit([], [{ put: keys.question(id), value, lease }]);
    const answers = await collect(store, keys.answersTo(id), hostIds, patienceMs);
    return hostIds.map((each) => hostAnswer(each, answers.get(each) ?? [], patienceMs));
  } finally {
    await lease.revoke().catch(() => undefined);
  }
}

/** By host; ends when all have given their last, or after `patienceMs`. */
async function collect(
  store: Pick<Store, 'watch'>,
  prefix: string,
  hostIds: readonly string[],
  patienceMs: number,
): Promise<ReadonlyMap<string, readonly AnswerRecord[]>> {
  const found = new Map<string, AnswerRecord>();
  const stop = new AbortController();
  void sleep(patienceMs, stop.signal).then(() => stop.abort());
  for await (const batch of store.watch(prefix, stop.signal)) {
    const entries: (Entry | undefined)[] =
      batch.type === 'snapshot' ? [...batch.snapshot.entries] : batch.changes.map(({ entry }) => entry);
    for (const entry of entries) {
      const answer = entry && findRecord(answerRecord, entry);
      if (answer) found.set(entry.key, answer);
    }
    const ended = new Set([...found.values()].filter(({ isLast }) => isLast).map(({ hostId }) => hostId));
    if (hostIds.every((hostId) => ended.has(hostId))) break;
  }
  stop.abort();
  const inOrder = [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, answer]) => answer);
  return new Map(hostIds.map((hostId) => [hostId, inOrder.filter((answer) => answer.hostId === hostId)]));
}

function hostAnswer(hostId: string, parts: readonly AnswerRecord[], patienceMs: number): HostAnswer {
  const values = parts.flatMap(({ value }) => (value === undefined ? [] : [value]));
  const last = parts.find(({ isLast }) => isLast);
  const late = `no answer within ${patienceMs / 1000} s: its xnet does not run, is older, or is overloaded`;
  const refusal = last ? last.refusal : late;
  return { hostId, values, ...(refusal !== undefined && { refusal }) };
}
