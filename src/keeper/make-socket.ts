/** Listening sockets on paths where a dead process may have left its own. */
import { unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { ensureDirectory, refuseNoSocket } from '../directories.js';
import { XnetError } from '../errors.js';
import { listenUnix } from '../native/unix-listener.js';

/**
 * A descriptor that listens on `path`, for root alone (0600). Throws IN_USE where another process answers, and EXISTS
 * where something else than a socket is: that is left alone.
 */
export async function makeSocket(path: string): Promise<number> {
  await ensureDirectory(dirname(path));
  await refuseNoSocket(path);
  if (await answers(path)) {
    throw new XnetError(
      'IN_USE',
      `another process listens on ${path}; is xnet running already? Stop it first`,
    );
  }
  await unlink(path).catch(ignoreAbsent);
  return listenUnix(path);
}

async function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const settle = (answer: boolean) => {
      probe.destroy();
      resolve(answer);
    };
    probe.once('connect', () => settle(true));
    // EAGAIN: alive, with a full backlog.
    probe.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'EAGAIN'));
  });
}

export function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
