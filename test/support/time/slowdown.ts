/**
 * What a time that was measured would have been on a machine with a free processor.
 *
 * How busy the machine is is measured twice, since it is asked twice. This is for what has just been measured or waited for: the
 * moment counts, and the work is worth it. Jest sets a test's limit before the test begins, for minutes to come, a thousand times
 * a run: `patient-environment.js` takes the load average, which costs nothing and is the same for a short lull.
 */

const SAMPLE_MS = 60;

/**
 * How many times longer work takes now than with a processor for itself: 1 on a quiet machine that is not emulated. It is measured by some work
 * of this process, which blocks it meanwhile.
 */
export function measureSlowdown(): number {
  const startedMs = performance.now();
  const before = process.cpuUsage();
  let workedMs = 0;
  while (workedMs < SAMPLE_MS) {
    const { user, system } = process.cpuUsage(before);
    workedMs = (user + system) / 1000;
  }
  // In the guest all work takes longer, so that the ratio does not show it.
  const emulation = Number(process.env.TEST_SLOWDOWN ?? 1);
  return emulation * Math.max(1, (performance.now() - startedMs) / workedMs);
}
