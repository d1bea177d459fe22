/**
 * Duplicating a descriptor out of another process (pidfd_open(2), pidfd_getfd(2), Linux 5.6). The numbers of
 * both calls are the same on every architecture. Both processes are root's, or the caller has CAP_SYS_PTRACE.
 */
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';
import { XnetError } from '../errors.js';

const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;

const syscall = koffi.load(null).func('long syscall(long number, ...)');

/** A descriptor that means the process `pid` for good, also when its number is given to another one. */
export function openPidfd(pid: number): number {
  return call('pidfd_open', syscall(PIDFD_OPEN, 'int', pid, 'uint', 0), { pid });
}

/** A duplicate, here and close-on-exec, of descriptor `fd` of the process that `pidfd` means. */
export function duplicateFrom(pidfd: number, fd: number): number {
  return call('pidfd_getfd', syscall(PIDFD_GETFD, 'int', pidfd, 'int', fd, 'uint', 0), { fd });
}

function call(name: string, result: number, fields: Record<string, number>): number {
  if (result >= 0) return result;
  const errno = getSystemErrorName(-koffi.errno());
  if (errno === 'ENOSYS') throw new XnetError('UNSUPPORTED', `${name} needs Linux 5.6 or later`, fields);
  const remedy = errno === 'EPERM' ? '; give xnet CAP_SYS_PTRACE and let seccomp pass the call' : '';
  throw new XnetError('KERNEL', `${name}(${Object.values(fields)}) failed: ${errno}${remedy}`, fields);
}
