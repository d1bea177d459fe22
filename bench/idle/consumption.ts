/** What the processes of a host consume while they are left alone. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDaemon } from '../../test/support/daemon/daemon.js';
import { childrenOf } from '../../test/support/programs/processes.js';

export interface Consumption {
  /** Processor time in ms per second: of the daemon, of the keeper, of the programs that they run. */
  readonly daemon: number;
  readonly keeper: number;
  readonly programs: number;
  /** Bytes per second that came in over the host's only link, on which nothing is but etcd. */
  readonly received: number;
  /** Resident memory in MB. */
  readonly rss: number;
  /** Programs that run all the time. */
  readonly standing: number;
}

export async function measureConsumption(host: TestDaemon, seconds: number): Promise<Consumption> {
  const daemon = host.daemonPid ?? 0;
  const look = () => {
    const programs = descendantsOf(daemon);
    return {
      daemon: runTimeMs([daemon]),
      keeper: runTimeMs([host.keeperPid]),
      // Those that have ended are counted in the time of the daemon's children.
      programs: runTimeMs(programs) + endedMs(daemon),
      received: Number(/eth0: *(\d+)/.exec(host.in('cat', '/proc/net/dev'))?.[1]),
      standing: programs.length,
    };
  };
  const before = look();
  await sleep(seconds * 1000);
  const after = look();
  const rate = (what: 'daemon' | 'keeper' | 'programs' | 'received') =>
    (after[what] - before[what]) / seconds;
  return {
    ...{
      daemon: rate('daemon'),
      keeper: rate('keeper'),
      programs: rate('programs'),
      received: rate('received'),
    },
    ...{ rss: residentMb(daemon), standing: after.standing },
  };
}

/** The command lines of the programs that the daemon starts meanwhile; it runs slower, being traced. */
export async function listStartedPrograms(host: TestDaemon, seconds: number): Promise<string[]> {
  const args = ['-f', '-qq', '-e', 'trace=execve', '-e', 'signal=none', '-z', '-p', `${host.daemonPid}`];
  const tracer = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  tracer.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await sleep(seconds * 1000);
  const ended = new Promise((resolve) => tracer.once('close', resolve));
  tracer.kill('SIGINT');
  await ended;
  return text.split('\n').filter((line) => line.includes('execve('));
}

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** As the scheduler counts it, in nanoseconds, for each thread (/proc/PID/task/TID/schedstat). */
function runTimeMs(pids: readonly number[]): number {
  const threads = pids.flatMap((pid) => readdirSync(`/proc/${pid}/task`).map((tid) => `${pid}/task/${tid}`));
  const times = threads.map((path) => Number(readFileSync(`/proc/${path}/schedstat`, 'utf8').split(' ')[0]));
  return times.reduce((sum, time) => sum + time, 0) / 1e6;
}

/** Of children that have ended, in ms: /proc counts it in hundredths of a second. */
function endedMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(13, 15)
    .map(Number);
  return ((user ?? 0) + (system ?? 0)) * 10;
}

function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
