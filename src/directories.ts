/** Directories that must be there, and paths where sockets are to be. */
import type { Stats } from 'node:fs';
import { lstat, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorMessage, XnetError } from './errors.js';

/**
 * Creates the directory, for root alone, and those above it, or verifies that it is one. Throws KERNEL naming it.
 * Not `mkdir` with `recursive`: where the kernel answers ENOENT although the directory above is there, as in /proc,
 * Node tries for ever.
 */
export async function ensureDirectory(path: string): Promise<void> {
  try {
    await ensure(path);
  } catch (error: unknown) {
    throw new XnetError(
      'KERNEL',
      `the directory ${path} cannot be created: ${errorMessage(error)}`,
      { path },
      { cause: error },
    );
  }
}

/** Write permission of group and others. */
const OF_OTHERS = 0o022;

/**
 * Throws INVALID where somebody else than root, or whom this process runs as, owns the directory or may write in it: what is in it,
 * such as a link in the place of a file of xnet's, may be theirs.
 */
export async function refuseOthersDirectory(path: string): Promise<void> {
  const { uid, mode } = await stat(path);
  const isOthers = uid !== 0 && uid !== process.getuid?.();
  if (!isOthers && (mode & OF_OTHERS) === 0) return;
  const why = isOthers
    ? `belongs to user ${uid}`
    : `may be written by others (mode ${(mode & 0o7777).toString(8)})`;
  const mend = `chown root ${path} && chmod 700 ${path}`;
  throw new XnetError(
    'INVALID',
    `the directory ${path} ${why}, who could have put links or files of their own there; look at what is in it, then: ${mend}`,
    { path },
  );
}

/** Throws EXISTS where something else than a socket has the path. */
export async function refuseNoSocket(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (!there || there.isSocket()) return;
  const message = `${path} is there and is no socket; remove it, or choose another path for the socket of xnet`;
  throw new XnetError('EXISTS', message, { path });
}

async function ensure(path: string): Promise<void> {
  const above = dirname(path);
  if (above !== path && (await findStat(above)) === undefined) await ensure(above);
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error: unknown) {
    // Also on a read-only file system: there mkdir looks for what exists first (mkdir(2), EEXIST before EROFS).
    if (!(await findStat(path))?.isDirectory()) throw error;
  }
}

async function findStat(path: string): Promise<Stats | undefined> {
  return stat(path).catch(() => undefined);
}
