/** Files of /proc/net (proc(5)) of another network namespace. */
import { closeSync, openSync, readFile } from 'node:fs';
import { promisify } from 'node:util';
import { inNamespace } from './socket-namespace.js';

/** The file shows the namespace in which it was opened. Empty where the kernel has none, as without IPv6. Throws NOT_FOUND, and what reading throws. */
export async function readProcNet(path: string, name: string): Promise<string> {
  const fd = inNamespace(path, () => openOrNone(`/proc/thread-self/net/${name}`));
  if (fd === undefined) return '';
  try {
    return await promisify(readFile)(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function openOrNone(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch (error: unknown) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
