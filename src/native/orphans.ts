/**
 * Children that this process did not start: the first process of a PID namespace (a managed plugin) is given the
 * orphans of all others, and Node waits only for what it started itself.
 */
import { readFileSync } from 'node:fs';
import koffi from 'koffi';

const WNOHANG = 1;
const waitpid = koffi.load(null).func('int waitpid(int pid, void *status, int options)');

/** Ends the zombies among them. Never touches `own`, whose end Node must see. */
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
