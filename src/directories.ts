/** Directories that must be there, and paths where sockets are to be. */
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

/** Throws EXISTS where something else than a socket has the path. */
export async function refuseNoSocket(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (!there || there.isSocket()) return;
  const message = `${path} is there and is no socket; remove it, or choose another path for the socket of xnet`;
  throw new XnetError('EXISTS', message, { path });
}

async function ensure(path: string): Promise<void> {
  const failure = await tryMkdir(path);
  if (failure === undefined) return;
  const above = dirname(path);
  if (failure.code !== 'ENOENT' || above === path || (await exists(above))) throw failure;
  await ensure(above);
  const again = await tryMkdir(path);
  if (again !== undefined) throw again;
}

async function tryMkdir(path: string): Promise<NodeJS.ErrnoException | undefined> {
  try {
    await mkdir(path, { mode: 0o700 });
    return undefined;
  } catch (error: unknown) {
    // Also on a read-only file system: there mkdir looks for what exists first (mkdir(2), EEXIST before EROFS).
    const isThere = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
    return isThere ? undefined : (error as NodeJS.ErrnoException);
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
