/**
 * Read, compute, commit: the one way to change records that others may change at the same time.
 *
 * The caller passes an `attempt` that reads what it needs, and returns what to write under which conditions. It is called
 * again when a condition does not hold, and when the outcome of its commit is unknown.
 */
import type { z } from 'zod';
import { RunningClock, sleep, withDeadline } from '../concurrency/deadline.js';
import { isXnetError, XnetError } from '../errors.js';
import { formatRecord, parseRecord } from '../model/record.js';
import type { Condition, Entry, Store, Write } from './store.js';

/**
 * What one attempt decided: the result alone when nothing has to be written (for instance because it found
 * its own value), or the commit that makes the result true.
 */
export type Attempt<T> =
  | { readonly result: T; readonly writes?: never }
  | { readonly result: T; readonly conditions: readonly Condition[]; readonly writes: readonly Write[] };

/** The condition that the key is as it was read: at that revision, or still absent. */
export function asRead(key: string, entry: Pick<Entry, 'revision'> | undefined): Condition {
  return entry ? { key, is: 'at', revision: entry.revision } : { key, is: 'absent' };
}

export interface TransactOptions {
  /** After this many ms no attempt begins, and an attempt after a commit of unknown outcome is not waited for. */
  readonly budgetMs?: number;
  /** Lost comparisons before STORE_CONFLICT. Default 100; each is followed by a pause of at most 100 ms. */
  readonly maxConflicts?: number;
  /** Called after a commit of unknown outcome: true ends the transaction at once, for a caller that has another way. */
  readonly givesUp?: () => boolean;
}

/**
 * Default. Docker's call with one transaction is refused within 5 s, with the store's reason; and a commit whose outcome is
 * unknown after 2 s, since one member of etcd was lost, is tried again through another member.
 */
export const TRANSACT_BUDGET_MS = 4500;

/**
 * Runs `attempt` until its commit holds, and returns its result.
 *
 * Rules for `attempt`:
 * - It reads afresh each time; nothing read in an earlier round goes into its conditions.
 * - Its conditions cover what it relied on: `at` the revision seen, or `absent`.
 * - What it writes names its owner (an id made *before* the first round), and a round that reads its own
 *   value returns `{ result }`. Then a commit that was applied though reported as failed is not made twice.
 * - A commit of unknown outcome can still be applied *after* the next round has read. Conditions make that
 *   harmless while both rounds write the same keys; a round that picks another key (another address, say)
 *   must bear that its first pick turns up later as a stray of the same owner, for a sweep to remove.
 * - What it throws ends the transaction, except STORE_UNAVAILABLE while a commit's outcome is unknown.
 *
 * Throws STORE_CONFLICT when others kept changing the same records, and STORE_UNAVAILABLE when the store
 * did not answer; its `fields.outcome` is 'unknown' if a commit may have been applied, else it is absent.
 */
export async function transact<T>(
  store: Pick<Store, 'commit'>,
  attempt: () => Promise<Attempt<T>>,
  options: TransactOptions = {},
): Promise<T> {
  const { budgetMs = TRANSACT_BUDGET_MS, maxConflicts = 100, givesUp = () => false } = options;
  using clock = new RunningClock();
  const leftMs = () => budgetMs - clock.ms;
  let conflicts = 0;
  let unknown = 0;
  let doubt: XnetError | undefined;
  for (;;) {
    const decide = () => (doubt ? decideBy(attempt, leftMs(), doubt) : attempt());
    const round = await runRound(store, decide, doubt);
    if (round.end === 'done') return round.result;
    if (round.end === 'conflict') conflicts += 1;
    else {
      unknown += 1;
      doubt = round.error;
      if (givesUp()) throw doubt;
    }
    if (conflicts > maxConflicts || leftMs() <= 0) {
      throw round.end === 'conflict' ? conflictError(conflicts) : round.error;
    }
    await sleep(pauseMs(round.end === 'conflict' ? conflicts : unknown));
  }
}

/**
 * Writes what `change` makes of a record, unless the record is absent or `change` returns undefined. Throws INTERNAL when it
 * cannot be read, and as `transact`. `write`: of a record with a twin, writes both.
 */
export async function changeRecord<T extends { version: number }>(
  store: Pick<Store, 'get' | 'commit'>,
  key: string,
  schema: z.ZodType<T>,
  change: (record: T) => T | undefined,
  write: (record: T) => readonly Write[] = (record) => [{ put: key, value: formatRecord(record) }],
): Promise<void> {
  await transact(store, async (): Promise<Attempt<void>> => {
    const entry = await store.get(key);
    const changed = entry && change(parseRecord(schema, entry));
    if (!changed) return { result: undefined };
    return { result: undefined, conditions: [asRead(key, entry)], writes: write(changed) };
  });
}

type Round<T> =
  | { readonly end: 'done'; readonly result: T }
  | { readonly end: 'conflict' }
  | { readonly end: 'unknown'; readonly error: XnetError };

/** Throws `doubt` after `leftMs`. The attempt may go on then, but commits nothing: only the caller commits. */
async function decideBy<T>(
  attempt: () => Promise<Attempt<T>>,
  leftMs: number,
  doubt: XnetError,
): Promise<Attempt<T>> {
  try {
    return await withDeadline(attempt(), Math.max(0, leftMs), 'reading');
  } catch (error: unknown) {
    throw isXnetError(error, 'TIMEOUT') ? doubt : error;
  }
}

/** `doubt`: an earlier round's commit has an unknown outcome, so a failed read must not end the transaction. */
async function runRound<T>(
  store: Pick<Store, 'commit'>,
  attempt: () => Promise<Attempt<T>>,
  doubt: XnetError | undefined,
): Promise<Round<T>> {
  let committing = false;
  try {
    const { result, ...decided } = await attempt();
    if (!('conditions' in decided)) return { end: 'done', result };
    committing = true;
    const { committed } = await store.commit(decided.conditions, decided.writes);
    if (!committed) return { end: 'conflict' };
    return { end: 'done', result };
  } catch (error: unknown) {
    if (!isXnetError(error, 'STORE_UNAVAILABLE')) throw error;
    if (!(committing && mayBeApplied(error)) && !doubt) throw error;
    return { end: 'unknown', error: error === doubt ? error : withUnknownOutcome(error) };
  }
}

/** Whether the commit that failed with `error` may have been applied, or may still be. */
export function mayBeApplied(error: unknown): boolean {
  return isXnetError(error, 'STORE_UNAVAILABLE') && error.fields.applied !== false;
}

function withUnknownOutcome(error: XnetError): XnetError {
  const fields = { ...error.fields, outcome: 'unknown' };
  return new XnetError(error.code, `${error.message}; a write may have been applied`, fields, {
    cause: error,
  });
}

function conflictError(conflicts: number): XnetError {
  return new XnetError(
    'STORE_CONFLICT',
    `the same records were changed by others ${conflicts} times in a row; try again`,
    { conflicts },
  );
}

/** Full jitter, so that transactions that lost to the same commit do not conflict with each other again. */
function pauseMs(failures: number): number {
  return Math.random() * Math.min(100, 2 ** Math.min(failures, 10));
}
