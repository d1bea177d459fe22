/** The daemon's process, by /proc (proc(5)): for a command that gets no answer. */
import { readdir, readFile, readlink } from 'node:fs/promises';

export interface FoundDaemon {
  readonly pid: number;
  /** By a signal (SIGSTOP) or a debugger: it answers nobody until it goes on. */
  readonly isStopped: boolean;
  readonly ageMs: number;
  /** How long its main thread ran, or waited for a processor; undefined: not known, or it waits for a disk. */
  readonly ranMs: number | undefined;
}

/** bin/xnet starts itself so: `xnet daemon ...`. */
const COMMAND = /\/xnet\0daemon\0/;
/** Of the times in /proc, as every Linux has it (sysconf(3), _SC_CLK_TCK). */
const TICKS_PER_SECOND = 100;

/** The daemon that listens at `socketPath`; undefined: none, or not in sight of this process. Never rejects. */
export async function findDaemon(socketPath: string): Promise<FoundDaemon | undefined> {
  const [inodes, pids] = await Promise.all([listening(socketPath), readdir('/proc').catch(() => [])]);
  for (const pid of pids.filter((name) => /^\d+$/.test(name)))
    if (await isDaemon(pid, inodes)) return describe(pid);
  return undefined;
}

/** Inodes of the sockets that listen there. Columns: number, references, protocol, flags, type, state, inode, path. */
async function listening(path: string): Promise<ReadonlySet<string>> {
  const lines = (await readText('/proc/net/unix')).split('\n').map((line) => line.trim().split(' '));
  return new Set(lines.filter((words) => words.at(-1) === path).map((words) => words.at(-2) ?? ''));
}

async function isDaemon(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  if (!COMMAND.test(await readText(`/proc/${pid}/cmdline`))) return false;
  const directory = `/proc/${pid}/fd`;
  const open = (await readdir(directory).catch(() => [])).map((fd) => readlink(`${directory}/${fd}`));
  const links = (await Promise.allSettled(open)).map((link) => ('value' in link ? link.value : ''));
  return links.some((link) => inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? ''));
}

/** Behind the name, which ends with the last parenthesis, come the state and, as the 22nd of all, the start in ticks since the boot. */
async function describe(pid: string): Promise<FoundDaemon | undefined> {
  const [stat, uptime, ran] = await Promise.all(
    [`/proc/${pid}/stat`, '/proc/uptime', `/proc/${pid}/schedstat`].map(readText),
  );
  const fields = (stat ?? '').slice((stat ?? '').lastIndexOf(')') + 2).split(' ');
  const [state = '', started] = [fields[0], fields[19]];
  if (started === undefined) return undefined;
  const ageMs = (Number(uptime?.split(' ')[0]) - Number(started) / TICKS_PER_SECOND) * 1000;
  // In ns (sched-stats.rst of the kernel).
  const [ranNs, waitedNs] = (ran ?? '').split(' ').map(Number);
  const isKnown = waitedNs !== undefined && state !== 'D';
  const ranMs = isKnown ? ((ranNs ?? 0) + waitedNs) / 1e6 : undefined;
  return { pid: Number(pid), isStopped: /^[Tt]$/.test(state), ageMs, ranMs };
}

function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
