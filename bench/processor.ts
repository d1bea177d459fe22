/** Processor time of the whole machine, whoever takes it: the daemons, Docker, the kernel in its own name. */
import { readFile } from 'node:fs/promises';

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
