/** What the keeper does when a daemon has ended. Pure. */

/** How a process ended: one of the two is set. */
export interface DaemonEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export type Order = 'run' | 'upgrade' | 'stop';

export interface Circumstances {
  readonly end: DaemonEnd;
  /** What had been asked of the daemon when it ended. */
  readonly order: Order;
  /** Whether any descriptor is held: then somebody waits for the next daemon. */
  readonly holding: boolean;
  /** How many daemons in a row, this one included, died quickly (diedQuickly) and unasked. */
  readonly quickDeaths: number;
}

export type NextStep = { readonly exitCode: number } | { readonly startAfterMs: number };

/** A daemon that served calls for less may be in a loop of crashes; one that did so for longer did some work. */
const QUICK_MS = 3000;
/** One that served no calls for so long did other work than starting, which takes long on a slow machine. */
const LONGEST_START_MS = 60_000;

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
/** A wrong setting or option (main.ts): starting again cannot help. */
const WRONG_CONFIG = 2;
const SIGNAL_NUMBERS: Partial<Record<NodeJS.Signals, number>> = { SIGKILL: 9 };

/**
 * The keeper ends with the daemon's code when the daemon stopped in order, when its configuration is wrong, and
 * when its start failed before anything was held: nothing is lost then, and the supervisor or the user at the
 * terminal sees the failure. Any other end is followed by a start: at once, or after a growing pause when
 * daemons end quickly one after the other.
 */
export function planNext({ end, order, holding, quickDeaths }: Circumstances): NextStep {
  if (order === 'stop') return { exitCode: exitCodeOf(end) };
  if (end.code === WRONG_CONFIG) return { exitCode: WRONG_CONFIG };
  if (order === 'upgrade') return { startAfterMs: 0 };
  if (end.code === 0 || (end.code !== null && !holding)) return { exitCode: end.code };
  return { startAfterMs: pauseMs(quickDeaths) };
}

/** Whether a daemon has ended so early that the next one may end in the same way. */
export function diedQuickly(servedMs: number, livedMs: number): boolean {
  return servedMs < QUICK_MS && livedMs < LONGEST_START_MS;
}

/** For people: "was killed by SIGKILL", "ended with code 1". */
export function formatEnd({ code, signal }: DaemonEnd): string {
  return signal ? `was killed by ${signal}` : `ended with code ${code}`;
}

function pauseMs(quickDeaths: number): number {
  if (quickDeaths < 2) return 0;
  return Math.min(FIRST_PAUSE_MS * 2 ** (quickDeaths - 2), LONGEST_PAUSE_MS);
}

function exitCodeOf({ code, signal }: DaemonEnd): number {
  // Killed by our SIGTERM, or the terminal's SIGINT, before it had a handler: a stop in order, too.
  if (signal === 'SIGTERM' || signal === 'SIGINT') return 0;
  return code ?? 128 + ((signal && SIGNAL_NUMBERS[signal]) ?? 0);
}
