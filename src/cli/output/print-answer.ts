/** Asks, and prints the answer: once, or again and again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, OperationName, Parameters } from '../../admin/operations.js';
import { printable } from '../../observability/layout.js';
import { type Asked, ask } from '../ask/ask.js';
import { withProgress } from '../ask/progress.js';
import { type Format, formatAnswer, type Screen, screenOf } from './output.js';

export interface AskOptions extends Asked {
  readonly output?: Format;
  /** The former way to say `--output json`. */
  readonly json?: boolean;
  /** Seconds between two answers; true: the default. Absent: one answer. */
  readonly watch?: number | true;
}

const WATCH_SECONDS = 2;
/** ANSI: the screen is cleared, with what was scrolled out of it. */
const CLEAR = '\u001b[2J\u001b[3J\u001b[H';
export const NOT_CURRENT =
  'etcd does not answer: this is what this host knew last, which may not be all; `xnet status` says why\n';

/** How an answer is shown. */
export interface Shown<T> {
  readonly asTable: (answer: T, screen?: Screen) => string;
  /** It is what was last known. */
  readonly isOld?: (answer: T) => boolean;
  /** There is something to mend: exit code 1. */
  readonly isBad?: (answer: T) => boolean;
  /** What is done in the seconds that the answer may take; absent: it comes at once. */
  readonly work?: string;
}

/** Of what is read of the cluster's records. */
export function isOld({ asOf }: { readonly asOf: 'store' | 'last known' }): boolean {
  return asOf === 'last known';
}

/** Once, or again and again until the process is ended. Throws as `askDaemon`; while it watches, a failure is shown. */
export async function printAnswer<N extends OperationName>(
  name: N,
  parameters: Parameters<N>,
  options: AskOptions,
  { asTable, isOld, isBad, work }: Shown<Answer<N>>,
): Promise<void> {
  const { json, output = json ? 'json' : 'table', watch } = options;
  const screen = screenOf(process.stdout);
  const show = async () => {
    const asked = ask(options, name, parameters);
    const { answer, note } = await (work === undefined ? asked : withProgress(work, asked));
    const text = await formatAnswer(answer, output, (each) => asTable(each, screen));
    process.stdout.write(watch && screen ? `${CLEAR}${text}` : text);
    if (note !== undefined) process.stderr.write(note);
    else if (isOld?.(answer)) process.stderr.write(NOT_CURRENT);
    process.exitCode = note !== undefined || isBad?.(answer) ? 1 : 0;
  };
  if (watch === undefined) return show();
  for (;;) {
    await show().catch((error: Error) => process.stderr.write(`${printable(error.message)}\n`));
    await sleep((watch === true ? WATCH_SECONDS : watch) * 1000);
  }
}
