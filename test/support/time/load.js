import { availableParallelism, loadavg } from 'node:os';

/** How many programs there are for each processor that want to run, of late; 1 if each has one for itself. */
export function loadRatio() {
  return Math.max(1, loadavg()[0] / availableParallelism());
}
