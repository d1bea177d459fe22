import { randomUUID } from 'node:crypto';
import { sleep, sleepRunning } from '../../concurrency/deadline.js';
import { LinkedAbort } from '../../concurrency/linked-abort.js';
import { orAborted } from '../../concurrency/until-aborted.js';
import { keys } from '../../model/keys.js';
import { type AnswerRecord, answerRecord, type QuestionRecord } from '../../model/question.js';
import { findRecord, formatRecord } from '../../model/record.js';
import type { Entry, Lease, Store, WatchBatch } from '../../store/store.js';
import { ReadAnswers } from './read-answers.js';

export interface Question {
  readonly kind: string;
  readonly parameters: unknown;
  /** Ids of the hosts that are asked; absent: all others, also those that come while the question stands. */
  readonly hostIds?: readonly string[];
}

/** What one host answers. */
export interface HostAnswer {
  readonly hostId: string;
  readonly values: readonly unknown[];
  /** Why there is no more: it refused, or did not answer in time; undefined: this is all. */
  readonly refusal?: string;
}

type AskingStore = Pick<Store, 'grantLease' | 'commit' | 'watch' | 'forget'>;

/** Should the asker die, its question does not stay for long. */
const TTL_SECONDS = 15;
/** How long a store that does not answer is waited for at the end. */
const REVOKE_MS = 500;

/**
 * Resolves to what each of the hosts answers within `patienceMs`, or until `signal` aborts, in the order of `hostIds`; about then at the
 * latest, also where the store does not answer. Who has not answered stops its work. Throws the store's errors.
 */
export async function askHosts(
  store: AskingStore,
  hostId: string,
  question: Question & Required<Pick<Question, 'hostIds'>>,
  patienceMs: number,
  signal?: AbortSignal,
): Promise<HostAnswer[]> {
  const { hostIds } = question;
  const parts: AnswerRecord[] = [];
  using stop = new LinkedAbort(signal ? [signal] : []);
  void sleepRunning(patienceMs, stop.signal).then(() => stop.abort());
  for await (const part of streamAnswers(store, hostId, question, stop.signal)) parts.push(part);
  stop.abort();
  return hostIds.map((each) => {
    const own = parts.filter((part) => part.hostId === each);
    return hostAnswer(each, own, patienceMs);
  });
}

/**
 * What the hosts answer, as it comes, until `signal` aborts, or each of `hostIds` has given its last part. The others are asked
 * anew when the store has lost the question. Throws the store's errors.
 */
export async function* streamAnswers(
  store: AskingStore,
  hostId: string,
  question: Question,
  signal: AbortSignal,
): AsyncGenerator<AnswerRecord> {
  const missing = question.hostIds && new Set(question.hostIds);
  while (missing?.size !== 0 && !signal.aborted) {
    const granting = store.grantLease({ ttlSeconds: TTL_SECONDS });
    const lease = await orAborted(granting, signal);
    if (!lease) {
      granting.then((late) => late.revoke()).catch(() => undefined);
      return;
    }
    try {
      yield* askUnder(store, hostId, question, lease, missing, signal);
    } finally {
      // It also expires by itself.
      await Promise.race([lease.revoke().catch(() => undefined), sleep(REVOKE_MS)]);
    }
  }
}

/** Until the lease is lost, too. Asks those of `missing`, and takes out of it who has given the last part; undefined: asks all. */
async function* askUnder(
  store: AskingStore,
  hostId: string,
  { kind, parameters }: Question,
  lease: Lease,
  missing: Set<string> | undefined,
  signal: AbortSignal,
): AsyncGenerator<AnswerRecord> {
  using until = new LinkedAbort([signal]);
  void lease.lost.then(until.abort);
  const id = randomUUID();
  const fixed = { version: 1 as const, id, hostId, lease: lease.id };
  const hostIds = missing && [...missing];
  const value = formatRecord<QuestionRecord>({ ...fixed, kind, parameters, ...(hostIds && { hostIds }) });
  if (!(await orAborted(store.commit([], [{ put: keys.question(id), value, lease }]), signal))) return;
  const read = new ReadAnswers(store);
  try {
    for await (const batch of store.watch(keys.answersTo(id), until.signal)) {
      for (const entry of entriesOf(batch)) {
        const answer = read.take(entry) ? findRecord(answerRecord, entry) : undefined;
        if (!answer) continue;
        yield answer;
        if (answer.isLast) missing?.delete(answer.hostId);
      }
      if (missing?.size === 0) return;
      read.tidy();
    }
  } finally {
    // Else the answers to each question that was ever asked would stay among what is last known.
    store.forget?.(keys.answersTo(id));
  }
}

/** In the order of the keys, which is that of each host's parts, or as they were written. */
function entriesOf(batch: WatchBatch): readonly Entry[] {
  return batch.type === 'snapshot'
    ? batch.snapshot.entries
    : batch.changes.flatMap(({ entry }) => entry ?? []);
}

function hostAnswer(hostId: string, parts: readonly AnswerRecord[], patienceMs: number): HostAnswer {
  const values = parts.flatMap(({ value }) => (value === undefined ? [] : [value]));
  const last = parts.find(({ isLast }) => isLast);
  const late = `no answer within ${patienceMs / 1000} s: its xnet does not run, is older, or is overloaded`;
  const refusal = last ? last.refusal : late;
  return { hostId, values, ...(refusal !== undefined && { refusal }) };
}
