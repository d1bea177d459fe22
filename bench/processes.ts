/** What keeper, daemon and the programs that it runs take of memory and processor, from /proc of their host. */
import type { Host } from './lab.js';

export interface Process {
  readonly role: 'keeper' | 'daemon' | 'program';
  /** Resident memory in MB; pages shared with other processes count whole. */
  readonly rss: number;
  /** The same with shared pages split among those who share them. */
  readonly pss: number;
  /** Pages that no other process has, in MB. */
  readonly unshared: number;
  /** Processor time in ms (by 10): its own, and that of ended programs that it had run. */
  readonly ownMs: number;
  readonly programsMs: number;
}

/** Of /proc: times are in hundredths of a second on every architecture that Node.js runs on. */
const TICK_MS = 10;

/** All processes of xnet on the host. */
export async function readProcesses(host: Host): Promise<Process[]> {
  const group = (await host.readFile('/run/lab/xnet.pid')).trim();
  const pids = (await host.listFiles('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => readProcess(host, pid, group)));
  return found.flat();
}

/** Empty for a process of another group, or one that has just ended. */
async function readProcess(host: Host, pid: string, group: string): Promise<Process[]> {
  const stat = await host.readFile(`/proc/${pid}/stat`).catch(() => '');
  // From the third field on: a name may hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[2] !== group) return [];
  const memory = await host.readFile(`/proc/${pid}/smaps_rollup`).catch(() => '');
  const [user = 0, system = 0, programsUser = 0, programsSystem = 0] = fields.slice(11, 15).map(Number);
  return [
    {
      role: await roleOf(host, pid),
      rss: megabytes(memory, 'Rss'),
      pss: megabytes(memory, 'Pss'),
      unshared: megabytes(memory, 'Private_Clean') + megabytes(memory, 'Private_Dirty'),
      ownMs: (user + system) * TICK_MS,
      programsMs: (programsUser + programsSystem) * TICK_MS,
    },
  ];
}

async function roleOf(host: Host, pid: string): Promise<Process['role']> {
  const words = (await host.readFile(`/proc/${pid}/cmdline`).catch(() => '')).split('\0');
  const command = words[words.findIndex((word) => word.endsWith('/bin/xnet')) + 1];
  if (command === 'serve') return 'keeper';
  return command === 'daemon' ? 'daemon' : 'program';
}

function megabytes(memory: string, field: string): number {
  return Number(new RegExp(`^${field}: +(\\d+) kB$`, 'm').exec(memory)?.[1] ?? 0) / 1024;
}

/** Of all of them together. */
export function sumOf(processes: readonly Process[], what: Exclude<keyof Process, 'role'>): number {
  return processes.reduce((sum, process) => sum + process[what], 0);
}
