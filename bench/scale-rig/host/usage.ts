/** What keeper, daemon and their programs take of processor, memory and network, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { childrenOf } from '../../../test/support/programs/processes.js';

const TICK_MS = 10;

export interface Usage {
  readonly atMs: number;
  /** Processor time of all of them since they began, ended programs too. */
  readonly cpuMs: number;
  /** That the host's underlay interface received. */
  readonly receivedBytes: number;
}

/** A second's: processor time in ms, and received bytes. */
export interface Rate {
  readonly cpuMs: number;
  readonly bytes: number;
}

export function readUsage(keeperPid: number): Usage {
  const pids = familyOf(keeperPid);
  const cpuMs = pids.reduce((sum, pid) => sum + runMs(pid) + endedMs(pid), 0);
  return { atMs: performance.now(), cpuMs, receivedBytes: receivedBytes(keeperPid) };
}

export function rateOf(before: Usage, after: Usage): Rate {
  const seconds = (after.atMs - before.atMs) / 1000;
  const bytes = (after.receivedBytes - before.receivedBytes) / seconds;
  return { cpuMs: (after.cpuMs - before.cpuMs) / seconds, bytes };
}

/** In MB; pages shared with others count whole. */
export function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

function familyOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(familyOf)];
}

/** Of the threads that it has now, in ns in the kernel (/proc/PID/schedstat). */
function runMs(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const times = threads.map((id) => readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8'));
    return times.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0) / 1e6;
  } catch {
    // It has just ended: its parent has its time.
    return 0;
  }
}

/** Of children that have ended and were waited for: proc_pid_stat(5), cutime and cstime. */
function endedMs(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[13]) + Number(fields[14])) * TICK_MS;
  } catch {
    return 0;
  }
}

function receivedBytes(pid: number): number {
  const devices = readFileSync(`/proc/${pid}/net/dev`, 'utf8');
  return Number(/^\s*eth0:\s*(\d+)/m.exec(devices)?.[1] ?? 0);
}
