/**
 * src/doctor: what may be wrong on this host and in the cluster, and the command that mends it. Each check looks at one thing
 * and judges it by a pure function; a check that cannot look says why. Not in here: repairs, and what `xnet status` says of
 * itself (src/status.ts), which the doctor repeats.
 */
import { withDeadline } from '../concurrency/deadline.js';
import { errorMessage } from '../errors.js';
import { shellWord } from '../shell-word.js';

/** `warning`: works, and may soon not, or is slower or less safe than it could be. */
export type Verdict = 'ok' | 'warning' | 'failure';

export interface Judgement {
  readonly verdict: Verdict;
  /** What was found, and what it means. */
  readonly found: string;
  /**
   * The command that mends it when run as printed (sh, as root, on that host), with what else is to be known behind a `#`; words
   * where no command can know what is meant. Absent: nothing is to be done.
   */
  readonly remedy?: string;
}

export interface Finding extends Judgement {
  /** Which check: a few words, always the same. */
  readonly check: string;
}

export interface Check {
  readonly name: string;
  /** At least one judgement. A rejection is a finding, too. */
  readonly look: () => Promise<readonly Judgement[]>;
}

/** Of one check. All look at once. */
const LOOK_MS = 4_000;

export function ok(found: string): Judgement {
  return { verdict: 'ok', found };
}

export function warning(found: string, remedy: string): Judgement {
  return { verdict: 'warning', found, remedy };
}

export function failure(found: string, remedy: string): Judgement {
  return { verdict: 'failure', found, remedy };
}

/** A name as one word of a command, or in the comment behind it, which ends with the line. */
export function wordOfLine(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a line would end there, and the comment with it.
  return shellWord(name.replaceAll(/[\u0000-\u001f\u007f]/g, ' '));
}

/** The judgements, or the one that all is well. */
export function allWell(judgements: readonly Judgement[], found: string): readonly Judgement[] {
  return judgements.length > 0 ? judgements : [ok(found)];
}

/** The findings of all checks, in their order. Never rejects. */
export async function examine(checks: readonly Check[]): Promise<Finding[]> {
  const found = await Promise.all(checks.map(examineOne));
  return found.flat();
}

async function examineOne({ name: check, look }: Check): Promise<Finding[]> {
  try {
    const judgements = await withDeadline(look(), LOOK_MS, 'looking');
    return judgements.map((judgement) => ({ check, ...judgement }));
  } catch (error: unknown) {
    const remedy = 'mend that first; nothing is known of this part';
    return [{ check, ...warning(`cannot be looked at: ${errorMessage(error)}`, remedy) }];
  }
}
