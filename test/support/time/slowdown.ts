/**
 * What a time that was measured would have been on a machine with a free processor.
 *
 * How busy the machine is is measured twice, since it is asked twice. This is for what has just been measured or waited for: the
 * moment counts, and the work is worth it. Jest sets a test's limit before the test begins, for minutes to come, a thousand times
 * a run: `patient-environment.js` takes the load average, which costs nothing and is the same for a short lull.
 */

const SAMPLE_MS = 60;

/** In this many us a page of memory is given to a program on a machine where programs take twice as long to start as on most. */
const FAULT_US = 8;
const PAGE = 4096;
const PAGES = 2048;

let startSlowdown: number | undefined;

/**
 * How many times longer work takes now than with a processor for itself, on a machine that starts programs as fast as most: 1 there. It is
 * measured by some work of this process, which blocks it meanwhile.
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
  const emulation = process.env.TEST_SLOWDOWN;
  startSlowdown ??= emulation === undefined ? measureStartSlowdown() : Number(emulation);
  return startSlowdown * Math.max(1, (performance.now() - startedMs) / workedMs);
}

/**
 * How many times longer programs take to start: most of it is that the kernel gives them memory, some hundred pages each. It takes 0.3 us a page
 * on most machines, and 27 in some virtual ones, where `ip` took 16 ms instead of 3.4.
 */
function measureStartSlowdown(): number {
  return 1 + Math.min(...[1, 2, 3].map(measureFaultUs)) / FAULT_US;
}

function measureFaultUs(): number {
  const memory = Buffer.allocUnsafeSlow(PAGES * PAGE);
  const before = process.cpuUsage();
  for (let at = 0; at < memory.length; at += PAGE) memory[at] = 1;
  const { user, system } = process.cpuUsage(before);
  return (user + system) / PAGES;
}
