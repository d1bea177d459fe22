/**
 * Patience, not a promise of xnet: what goes on in the background may take so long on a machine that others load too.
 * A test of a promise names its own bound.
 */
export const SETTLE_MS = 15_000;

/** Repeats `check` until it passes; after `timeoutMs` its last failure is thrown. */
export async function eventually(check: () => unknown, timeoutMs = SETTLE_MS, pauseMs = 25): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error: unknown) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
