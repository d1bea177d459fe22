/**
 * What jest does before the first test: it removes what earlier runs left that were killed, and makes the directory of this run,
 * which is TMPDIR from now on (`sweep.js`). If TEST_RUN_PID is set (`test/run` does), the run ends when that process ends.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { directoryOfRun, findDeadRuns, killProcesses, removeRun, startOf } from './sweep.js';

const LOOK_MS = 1000;

export default async function setUp() {
  for (const directory of findDeadRuns(tmpdir())) await removeDeadRun(directory);
  const own = directoryOfRun(tmpdir());
  mkdirSync(own, { mode: 0o700 });
  process.env.TMPDIR = own;
  if (process.env.TEST_RUN_PID !== undefined) endWith(process.env.TEST_RUN_PID, own);
}

/** A failure does not keep the new run from testing. */
async function removeDeadRun(directory) {
  try {
    const removed = await removeRun(directory);
    console.warn(`A test run was killed; removed ${directory} and\n${removed.join('\n')}`);
  } catch (error) {
    // If it is gone, another run has removed it at the same time.
    if (existsSync(directory)) console.warn(`A test run was killed; ${directory} cannot be removed:`, error);
  }
}

function endWith(owner, own) {
  const start = startOf(owner);
  const timer = setInterval(async () => {
    if (start !== undefined && startOf(owner) === start) return;
    clearInterval(timer);
    await removeRun(own).finally(() => {
      // jest may have started a worker process in place of one that was killed.
      killProcesses(own);
      process.kill(process.pid, 'SIGKILL');
    });
  }, LOOK_MS);
  timer.unref();
}
