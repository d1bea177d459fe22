/**
 * How long dockerd was kept waiting by xnet, by xnet's own log: nothing is measured that others do at the same time.
 * And how much longer all that takes than on a machine with a free processor, by the kernel's own account.
 */
import type { Lab } from './lab.js';

interface Interval {
  readonly from: number;
  readonly to: number;
}

export interface Waits {
  /** Calls of Docker were under way at xnet for so long, or xnet, which the first of them had started, did not listen yet. */
  readonly waitedMs: number;
  /** For one second of work xnet needed so many: for the rest others had the processors. */
  readonly slowdown: number;
}

/** Of the main threads of a process group: nanoseconds on a processor, and in the queue for one (proc(5), schedstat). */
const TIMES = `
  for pid in $(pgrep -g "$(cat /run/lab/xnet.pid)"); do cat "/proc/$pid/schedstat"; done |
    awk '{ ran += $1; queued += $2 } END { print ran, queued }'`;

/** What dockerd on `host` waits for xnet while `action` goes on. `activated`: xnet is started by it. */
export async function measureWaits(
  lab: Lab,
  host: string,
  { activated }: { activated: boolean },
  action: () => Promise<void>,
): Promise<Waits> {
  const from = Date.now();
  const before = activated ? [0, 0] : await readTimes(lab, host);
  await action();
  const after = await readTimes(lab, host);
  const [ran = 0, queued = 0] = after.map((figure, index) => figure - (before[index] ?? 0));
  return { waitedMs: await readWaited(lab, host, from, activated), slowdown: (ran + queued) / ran };
}

async function readTimes(lab: Lab, host: string): Promise<number[]> {
  return (await lab.in(host, 'sh', '-c', TIMES)).split(' ').map(Number);
}

async function readWaited(lab: Lab, host: string, from: number, activated: boolean): Promise<number> {
  const log = await lab.run(['logs', host, 'xnet']);
  const lines = log.split('\n').filter((line) => line.startsWith('{'));
  const entries = lines
    .map((line) => JSON.parse(line))
    .map((entry) => ({ ...entry, at: Date.parse(entry.timestamp) }))
    .filter(({ at }) => at >= from);
  const waits: Interval[] = entries
    .filter(({ message }) => /^(Plugin|NetworkDriver|IpamDriver)\./.test(message))
    .map(({ at, ms }) => ({ from: at - ms, to: at }));
  const listening = entries.findLast(({ message }) => message === 'listening');
  if (activated) waits.push({ from: await startOf(lab, host), to: listening.at });
  return lengthOf(waits);
}

/** When the xnet that runs was started. */
async function startOf(lab: Lab, host: string): Promise<number> {
  return Number(await lab.in(host, 'stat', '-c', '%.3Y', '/run/lab/xnet.pid')) * 1000;
}

/** What overlaps counts once. */
function lengthOf(intervals: readonly Interval[]): number {
  let [length, end] = [0, 0];
  for (const { from, to } of [...intervals].sort((one, other) => one.from - other.from)) {
    length += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return length;
}
