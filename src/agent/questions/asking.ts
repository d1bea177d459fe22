import { randomUUID } from 'node:crypto';
import { sleepRunning } from '../../concurrency/deadline.js';
import { keys } from '../../model/keys.js';
import { type AnswerRecord, answerRecord, type QuestionRecord } from '../../model/question.js';
import { findRecord, formatRecord } from '../../model/record.js';
import type { Store, WatchBatch } from '../../store/store.js';

export interface Question {
  readonly kind: string;
  readonly parameters: unknown;
  /** Ids of the hosts that are asked. */
  readonly hostIds: readonly string[];
}

/** What one host answers. */
export interface HostAnswer {
  readonly hostId: string;
  readonly values: readonly unknown[];
  /** Why there is no more: it refused, or did not answer in time; undefined: this is all. */
  readonly refusal?: string;
}

type AskingStore = Pick<Store, 'grantLease' | 'commit' | 'watch'>;

/** Should the asker die, its question does not stay for long. */
const TTL_SECONDS = 15;

/** Resolves to what each of the hosts answers within `patienceMs`, in the order of `hostIds`. Throws the store's errors. */
export async function askHosts(
  store: AskingStore,
  hostId: string,
  question: Question,
  patienceMs: number,
): Promise<HostAnswer[]> {
  const { hostIds } = question;
  const parts: AnswerRecord[] = [];
  const stop = new AbortController();
  void sleepRunning(patienceMs, stop.signal).then(() => stop.abort());
  for await (const part of streamAnswers(store, hostId, question, stop.signal)) parts.push(part);
  stop.abort();
  return hostIds.map((each) => {
    const own = parts.filter((part) => part.hostId === each);
    return hostAnswer(each, own, patienceMs);
  });
}

/** What the hosts answer, as it comes, until each has given its last part or `signal` aborts. Throws the store's errors. */
export async function* streamAnswers(
  store: AskingStore,
  hostId: string,
  { kind, parameters, hostIds }: Question,
  signal: AbortSignal,
): AsyncGenerator<AnswerRecord> {
  if (hostIds.length === 0) return;
  const id = randomUUID();
  const lease = await store.grantLease({ ttlSeconds: TTL_SECONDS });
  try {
    const fixed = { version: 1 as const, id, hostId, lease: lease.id };
    const value = formatRecord<QuestionRecord>({ ...fixed, kind, parameters, hostIds: [...hostIds] });
    await store.commit([], [{ put: keys.question(id), value, lease }]);
    const missing = new Set(hostIds);
    const read = new Set<string>();
    for await (const batch of store.watch(keys.answersTo(id), signal)) {
      for (const { key, answer } of answersOf(batch)) {
        if (read.has(key)) continue;
        read.add(key);
        yield answer;
        if (answer.isLast) missing.delete(answer.hostId);
      }
      if (missing.size === 0) return;
    }
  } finally {
    await lease.revoke().catch(() => undefined);
  }
}

/** In the order of the keys, which is that of each host's parts, or as they were written. */
function answersOf(batch: WatchBatch): { readonly key: string; readonly answer: AnswerRecord }[] {
  const entries =
    batch.type === 'snapshot' ? batch.snapshot.entries : batch.changes.map(({ entry }) => entry);
  return entries.flatMap((entry) => {
    const answer = entry && findRecord(answerRecord, entry);
    return answer ? [{ key: entry.key, answer }] : [];
  });
}

function hostAnswer(hostId: string, parts: readonly AnswerRecord[], patienceMs: number): HostAnswer {
  const values = parts.flatMap(({ value }) => (value === undefined ? [] : [value]));
  const last = parts.find(({ isLast }) => isLast);
  const late = `no answer within ${patienceMs / 1000} s: its xnet does not run, is older, or is overloaded`;
  const refusal = last ? last.refusal : late;
  return { hostId, values, ...(refusal !== undefined && { refusal }) };
}
