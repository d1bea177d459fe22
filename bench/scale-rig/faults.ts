/** What must be so in a cluster of any size: function, not speed. Pure. */
import type { Run } from './report.js';

/** Of the daemon's log: it takes etcd for away from now on. */
export const AWAY = 'the store does not answer; what is known goes on';

/** For people; empty when the run was without fault. */
export function findFaults({ contestant, figures, failure }: Run): string[] {
  const { absences = 0, wrong = 0, bigWrong = 0 } = figures;
  return [
    ...(failure === undefined ? [] : [failure]),
    ...(absences > 0 ? [`etcd was taken for away ${absences} times, and answered all the time`] : []),
    ...(wrong + bigWrong > 0 ? [`the kernel differs from etcd in ${wrong + bigWrong} endpoints`] : []),
  ].map((text) => `${contestant}: ${text}`);
}
