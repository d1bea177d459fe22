/** Doing something inside another network namespace, on Node's main thread. */
import { closeSync, openSync } from 'node:fs';
import { errorMessage, XnetError } from '../errors.js';
import { checked, LINUX, setns } from './socket-libc.js';

/**
 * Runs `work` with this thread in the network namespace at `path` and returns its result. `work` is
 * synchronous by type and must stay so: whatever else ran meanwhile would open its sockets, and do its kernel
 * work, in the container. Throws NOT_FOUND when no namespace is at `path` any more.
 *
 * A thread that cannot return ends the process: nothing it did afterwards would be in the right place.
 */
export function inNamespace<T>(path: string, work: () => T extends PromiseLike<unknown> ? never : T): T {
  const own = openSync('/proc/thread-self/ns/net', 'r');
  try {
    const there = openNamespace(path);
    try {
      enter(there, path);
      try {
        return work();
      } finally {
        if (setns(own, LINUX.CLONE_NEWNET) !== 0) process.abort();
      }
    } finally {
      closeSync(there);
    }
  } finally {
    closeSync(own);
  }
}

function openNamespace(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw gone(path, error);
  }
}

/** A sandbox's file is a plain, empty one once its namespace was unmounted: setns fails with EINVAL then. */
function enter(namespace: number, path: string): void {
  try {
    checked(setns(namespace, LINUX.CLONE_NEWNET), 'setns');
  } catch (error) {
    if (error instanceof XnetError && error.fields.errno === 'EINVAL') throw gone(path, error);
    throw error;
  }
}

function gone(path: string, cause: unknown): XnetError {
  const text = `no network namespace is at ${path}: ${errorMessage(cause)}`;
  return new XnetError('NOT_FOUND', text, { path }, { cause });
}
