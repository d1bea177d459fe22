/** What the kernel lets containers and the daemon do on this host. The functions that judge are pure. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { type Upkeep, upkeepOf } from '../upkeep.js';
import { allWell, failure, type Judgement } from './finding.js';

/** Of a limit: so much of it is used that it will soon be reached. */
const MOST_OF = 0.9;

interface Limited {
  readonly count: number;
  readonly most: number;
}

export interface KernelSettings {
  readonly ipForward: boolean;
  /** undefined: the kernel tracks no connections. */
  readonly tracked: Limited | undefined;
}

export async function readKernelSettings(): Promise<KernelSettings> {
  const [forward, count, most] = await Promise.all(
    ['ipv4/ip_forward', 'netfilter/nf_conntrack_count', 'netfilter/nf_conntrack_max'].map(readNetSetting),
  );
  const tracked = count === undefined || most === undefined ? undefined : { count, most };
  return { ipForward: forward === 1, tracked };
}

/** A number below /proc/sys/net, of this process's namespace; undefined: this kernel does not have it. */
export function readNetSetting(path: string): Promise<number | undefined> {
  return readFile(`/proc/sys/net/${path}`, 'utf8').then(Number, () => undefined);
}

export function judgeKernel({ ipForward, tracked }: KernelSettings): readonly Judgement[] {
  return allWell(
    [
      ...judgeForwarding(ipForward),
      ...(tracked && tracked.count >= tracked.most * MOST_OF
        ? [
            failure(
              `${tracked.count} of ${tracked.most} connections are tracked: new ones of published ports are dropped`,
              `sysctl -w net.netfilter.nf_conntrack_max=${tracked.most * 4}   # to keep it: the same setting in /etc/sysctl.d/`,
            ),
          ]
        : []),
    ],
    'the settings that matter are right',
  );
}

export function judgeForwarding(ipForward: boolean): readonly Judgement[] {
  if (ipForward) return [];
  const found =
    'net.ipv4.ip_forward is 0: containers reach nothing outside, and published ports do not answer';
  const remedy =
    'sysctl -w net.ipv4.ip_forward=1   # to keep it over a reboot: the same setting in /etc/sysctl.d/';
  return [failure(found, remedy)];
}

export interface OpenFiles extends Limited {
  /** As the host counts processes. */
  readonly pid: number;
}

/** Of this process, by proc(5). `hostProc`: the host's /proc, by which a process has its number there. */
export async function readOpenFiles(hostProc: string): Promise<OpenFiles> {
  const [open, limits, pid] = await Promise.all([
    readdir('/proc/self/fd'),
    readFile('/proc/self/limits', 'utf8'),
    readlink(`${hostProc}/self`),
  ]);
  const most = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  return { pid: Number(pid), count: open.length, most };
}

/** A container needs some six of the daemon's open files. */
export function judgeOpenFiles(
  { pid, count, most }: OpenFiles,
  { fileLimit }: Upkeep = upkeepOf(undefined),
): readonly Judgement[] {
  const judged =
    count < most * MOST_OF
      ? []
      : [
          failure(
            `the daemon has ${count} of at most ${most} files open: containers will not be started any more`,
            `prlimit --pid ${pid} --nofile=1048576   # to keep it: ${fileLimit}`,
          ),
        ];
  return allWell(judged, `the daemon has ${count} files open, ${most} at most`);
}
