/** Listening sockets on paths where a dead process may have left its own. */
import { once } from 'node:events';
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
  const probe = connect(path);
  try {
    await once(probe, 'connect');
    return true;
  } catch (error: unknown) {
    // EAGAIN: alive, with a full backlog.
    return (error as NodeJS.ErrnoException).code === 'EAGAIN';
  } finally {
    probe.destroy();
  }
}

export function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
