/**
 * Finds out, within some four seconds, that a daemon hangs: an answer that takes long is not yet late, but the version is answered at
 * once by a daemon that runs.
 */
import { request } from 'node:http';
import { OPERATIONS } from '../../admin/operations.js';
import { raceLimit, sleep, sleepRunning } from '../../concurrency/deadline.js';
import { type FoundDaemon, findDaemon } from './find-daemon.js';

/** Most answers have come by then. */
const FIRST_MS = 1_000;
/** Of time in which this process ran: where others have the processors, the daemon has waited, too. */
const ALIVE_MS = 2_500;
/** In that time; one that waits in vain does not run at all. */
const AT_WORK_MS = 50;
/** A daemon that is being started does not answer yet, on a slow machine for so long. */
const STARTING_MS = 10_000;

/** Resolves to what is wrong and what mends it, or when `signal` aborts, to nothing. Never rejects. */
export async function untilHung(socketPath: string, signal: AbortSignal): Promise<string | undefined> {
  for (;;) {
    await sleep(FIRST_MS, signal);
    if (signal.aborted) return undefined;
    const daemon = await findDaemon(socketPath);
    // Its keeper, which lets calls wait, starts the next one.
    if (!daemon) continue;
    if (daemon.isStopped)
      return `its process ${daemon.pid} was stopped by a signal; let it go on: kill -CONT ${daemon.pid}`;
    if (daemon.ageMs < STARTING_MS || (await answers(socketPath, signal)) || signal.aborted) continue;
    if (isAtWork(daemon, await findDaemon(socketPath))) continue;
    // Its keeper starts the next one, whatever started the keeper.
    return `its process ${daemon.pid} runs and hangs; let another one take its place: kill -KILL ${daemon.pid}`;
  }
}

/** It runs, or would if others left it a processor: it is late, and may answer yet. */
function isAtWork(before: FoundDaemon, now: FoundDaemon | undefined): boolean {
  if (now?.pid !== before.pid || now.ranMs === undefined || before.ranMs === undefined) return true;
  return now.ranMs - before.ranMs > AT_WORK_MS;
}

/** A refusal, or a connection that ends, is an answer, too. */
async function answers(socketPath: string, signal: AbortSignal): Promise<boolean> {
  const answered = new Promise<boolean>((resolve) => {
    const asked = request({ socketPath, path: OPERATIONS.version.path, signal, agent: false }, (response) => {
      response.resume();
      resolve(true);
    });
    asked.on('error', () => resolve(true));
    asked.end();
  });
  return raceLimit(answered, (decided) => sleepRunning(ALIVE_MS, decided).then(() => false));
}
