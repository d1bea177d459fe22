/**
 * Removes what a test run has left behind on this machine.
 *
 * Each jest run has a directory of its own, `xnet-PID-START`: the id of jest's process, and the time when that process started, so
 * that a later process with the same id is not mistaken for it. The directory is TMPDIR of all processes of the run. Therefore
 * temporary directories of tests are in it, and a process belongs to the run if its environment has this TMPDIR. Network
 * namespaces that tests make are listed in its file `namespaces` (`made.ts` writes it). Nothing else is removed.
 *
 * Runs that have the same temporary directory must see each other's processes in /proc.
 *
 * This is JavaScript because jest loads it before it can load TypeScript.
 */
import { execFile } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const RUN = /^xnet-(\d+)-(\d+)$/;

/** A process may start another one just before it is killed: then a further round is needed. */
const MOST_ROUNDS = 250;
const PAUSE_MS = 20;

/** The directory of this process's run, below `base`. */
export function directoryOfRun(base) {
  return join(base, `xnet-${process.pid}-${startOf(process.pid)}`);
}

/** Directories below `base` of runs of this user whose jest process has ended. */
export function findDeadRuns(base) {
  return findRuns(base).filter((directory) => isOwn(directory) && !isAlive(directory));
}

/**
 * Ends the run's processes and removes what it has made. Resolves to what there was. If two processes do it at the same time, all
 * is removed, but one of them may reject.
 */
export async function removeRun(directory) {
  const removed = await endProcesses(directory);
  // The test of this file starts runs within its own run.
  for (const inner of findRuns(directory)) removed.push(...(await removeRun(inner)));
  for (const name of listNamespaces(directory)) removed.push(...(await removeNamespace(name)));
  // Last, so that the next run finds the rest if this is interrupted.
  await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  return removed;
}

/** Kills all processes of the run that there are now, but not this one. Returns them. */
export function killProcesses(directory) {
  const pids = processesOf(directory);
  const killed = pids.map((pid) => ({ pid, command: commandOf(pid) }));
  for (const pid of pids) kill(pid);
  return killed;
}

/** In clock ticks since this machine booted (proc_pid_stat(5), field 22); undefined if there is no such process. */
export function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name is in parentheses and may contain spaces.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return 'ZX'.includes(state) ? undefined : fields[18];
  } catch {
    return undefined;
  }
}

function findRuns(base) {
  const names = readdirSync(base).filter((name) => RUN.test(name));
  return names.map((name) => join(base, name));
}

function isAlive(directory) {
  const [, pid, start] = RUN.exec(basename(directory));
  return startOf(pid) === start;
}

/** Other users' directories are not trusted. */
function isOwn(directory) {
  const status = lstatSync(directory, { throwIfNoEntry: false });
  return status?.isDirectory() && status.uid === process.getuid();
}

async function endProcesses(directory) {
  const commands = new Map();
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const killed = killProcesses(directory);
    if (killed.length === 0) return [...commands].map(([pid, command]) => `process ${pid}: ${command}`);
    for (const { pid, command } of killed) if (!commands.has(pid)) commands.set(pid, command);
    await pause(PAUSE_MS);
  }
  throw new Error(`these processes do not end: ${processesOf(directory).join(' ')}`);
}

function processesOf(directory) {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    const temporary = temporaryDirectoryOf(pid);
    return pid !== process.pid && (temporary === directory || temporary?.startsWith(`${directory}/`));
  });
}

/** What TMPDIR was when the process started. Undefined if it has ended, or if it is another user's. */
function temporaryDirectoryOf(pid) {
  try {
    return /(?:^|\0)TMPDIR=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').slice(0, 200);
  } catch {
    return '';
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

function listNamespaces(directory) {
  const list = join(directory, 'namespaces');
  return existsSync(list) ? readFileSync(list, 'utf8').split('\n').filter(Boolean) : [];
}

async function removeNamespace(name) {
  await rm(`/etc/netns/${name}`, { recursive: true, force: true });
  const path = `/run/netns/${name}`;
  if (!existsSync(path)) return [];
  await promisify(execFile)('ip', ['netns', 'del', name]).catch((error) => {
    if (existsSync(path)) throw error;
  });
  return [`network namespace ${name}`];
}
