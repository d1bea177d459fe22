/** Processor time of the whole machine, whoever takes it: the daemons, Docker, the kernel in its own name. */
import { readdir, readFile } from 'node:fs/promises';

/** Of /proc/stat: times are in hundredths of a second on every architecture that Node.js runs on. */
const TICK_MS = 10;

/** In ms since boot, all processors together (proc_stat(5): user, nice, system, irq, softirq). */
export async function processorMs(): Promise<number> {
  const [total = ''] = (await readFile('/proc/stat', 'utf8')).split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = total
    .trim()
    .split(/ +/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq) * TICK_MS;
}

/** Programs that run all the time; what others take is the rest: those that come and go, and the kernel in its own name. */
const STANDING = ['xnet', 'dockerd', 'containerd', 'etcd'] as const;
export type Standing = (typeof STANDING)[number];

/** In ms since each was started, of all hosts together. */
export async function standingMs(): Promise<ReadonlyMap<Standing, number>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const times = new Map<Standing, number>(STANDING.map((program) => [program, 0]));
  for (const pid of pids) {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    const program = STANDING.find((name) =>
      words.slice(0, 4).some((word) => word.endsWith(`/${name}`) || word === name),
    );
    if (program === undefined) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const [user = 0, system = 0] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number);
    times.set(program, (times.get(program) ?? 0) + (user + system) * TICK_MS);
  }
  return times;
}
