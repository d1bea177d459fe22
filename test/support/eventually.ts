/** Repeats `check` until it passes; after `timeoutMs` its last failure is thrown. */
export async function eventually(check: () => unknown, timeoutMs = 5000, pauseMs = 25): Promise<void> {
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
