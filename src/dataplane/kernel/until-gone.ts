import { sleep } from '../../concurrency/deadline.js';

/** The kernel takes apart what was deleted some time later: tens of ms were seen. */
const LINGER_MS = 2_000;
const LINGER_STEP_MS = 50;

/** Looks until nothing is left; resolves to what still is after 2 s. */
export async function untilGone<Rest>(look: () => Promise<Rest | undefined>): Promise<Rest | undefined> {
  const deadline = performance.now() + LINGER_MS;
  for (;;) {
    const rest = await look();
    if (rest === undefined || performance.now() > deadline) return rest;
    await sleep(LINGER_STEP_MS);
  }
}
