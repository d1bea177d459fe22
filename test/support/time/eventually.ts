import { setTimeout as pause } from 'node:timers/promises';
import { measureSlowdown } from './slowdown.js';

/**
 * Patience, not a promise of xnet: what goes on in the background may take so long, and longer on a machine that others load.
 * A test of a promise names its own bound.
 */
export const SETTLE_MS = 15_000;

/** A check mostly starts programs, and the longer it is waited the less it matters how often. */
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 150;

type Check = () => unknown;

/**
 * Repeats `check` until it passes: it neither throws nor gives false. After `timeoutMs`, or longer in the ratio in which the
 * machine is slower than with a free processor, its last failure is thrown; `what` says there what did not come true, where the
 * check's own text would say too little. Without `pauseMs` the pauses between the checks grow.
 */
export function eventually(check: Check, timeoutMs?: number, pauseMs?: number): Promise<void>;
export function eventually(what: string, check: Check, timeoutMs?: number): Promise<void>;
export function eventually(first: string | Check, second?: number | Check, third?: number): Promise<void> {
  if (typeof second === 'function') return repeat(second, `${first}`, third);
  return repeat(first as Check, `${first}`, second, third);
}

async function repeat(check: Check, what: string, timeoutMs = SETTLE_MS, pauseMs?: number): Promise<void> {
  const startedMs = performance.now();
  const isLate = () => {
    const tookMs = performance.now() - startedMs;
    return tookMs > timeoutMs && tookMs > timeoutMs * measureSlowdown();
  };
  const pauses = growingPauses();
  for (;;) {
    try {
      if ((await check()) !== false) return;
      throw new Error(`still not so after ${timeoutMs} ms: ${what}`);
    } catch (error: unknown) {
      if (isLate()) throw error;
      await pause(pauseMs ?? pauses.next().value);
    }
  }
}

/** In ms, without end. */
function* growingPauses(): Generator<number, never> {
  for (let ms = FIRST_PAUSE_MS; ; ms = Math.min(1.5 * ms, LONGEST_PAUSE_MS)) yield ms;
}
