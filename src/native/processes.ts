/** Other processes: descriptors that are duplicated out of them, and orphans that are reaped. */
import { readFileSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';
import { XnetError } from '../errors.js';

/** Linux 5.6; the same numbers on every architecture. */
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;
const WNOHANG = 1;

const libc = koffi.load(null);
const syscall = libc.func('long syscall(long number, ...)');
const waitpid = libc.func('int waitpid(int pid, void *status, int options)');

/** A descriptor that means the process `pid` for good, also when its number is given to another one. */
export function openPidfd(pid: number): number {
  return checked('pidfd_open', syscall(PIDFD_OPEN, 'int', pid, 'uint', 0), { pid });
}

/**
 * A duplicate, here and close-on-exec, of descriptor `fd` of the process that `pidfd` means. Both processes are root's, or
 * the caller has CAP_SYS_PTRACE.
 */
export function duplicateFrom(pidfd: number, fd: number): number {
  return checked('pidfd_getfd', syscall(PIDFD_GETFD, 'int', pidfd, 'int', fd, 'uint', 0), { fd });
}

/**
 * Reaps the zombies among the children that this process did not start: the first process of a PID namespace (a managed
 * plugin) is given the orphans of all others, and Node waits only for what it started itself. Never touches `own`, whose
 * end Node must see.
 */
export function reapOrphans(own: readonly (number | undefined)[]): void {
  for (const pid of listChildren()) if (!own.includes(pid)) waitpid(pid, null, WNOHANG);
}

function listChildren(): number[] {
  try {
    const path = `/proc/self/task/${process.pid}/children`;
    return readFileSync(path, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    // A kernel without CONFIG_PROC_CHILDREN: a few zombies cost less than not running.
    return [];
  }
}

function checked(name: string, result: number, fields: Record<string, number>): number {
  if (result >= 0) return result;
  const errno = getSystemErrorName(-koffi.errno());
  if (errno === 'ENOSYS') throw new XnetError('UNSUPPORTED', `${name} needs Linux 5.6 or later`, fields);
  const remedy = errno === 'EPERM' ? '; give xnet CAP_SYS_PTRACE and let seccomp pass the call' : '';
  throw new XnetError('KERNEL', `${name}(${Object.values(fields)}) failed: ${errno}${remedy}`, fields);
}
