/** Memory of the C library's, in which Node keeps what is not a JavaScript object. */
import { promisify } from 'node:util';
import koffi from 'koffi';

/** Of glibc alone: musl keeps less, and has no such call. */
const trim = findTrim();

/**
 * Gives back to the kernel what malloc keeps free (malloc_trim(3)). After a burst of work that is half of a daemon's memory:
 * glibc itself gives back only what is free at the end. By a thread of Node's pool, some milliseconds; never rejects.
 */
export async function giveBackFreeMemory(): Promise<void> {
  await trim?.(0).catch(() => undefined);
}

function findTrim(): ((padding: number) => Promise<number>) | undefined {
  try {
    const found = koffi.load(null).func('int malloc_trim(size_t pad)');
    return promisify(found.async) as (padding: number) => Promise<number>;
  } catch {
    return undefined;
  }
}
