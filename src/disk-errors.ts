/** What the disk did not do, in words for whoever runs the host. */
import { getSystemErrorName } from 'node:util';
import { errorMessage, XnetError } from './errors.js';

/** errno(3) -> what is wrong, and what to do. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on its file system; make room there',
  EDQUOT: 'the quota of its file system is used up; make room there',
  EROFS:
    'its file system is read-only; mount it writable (after an error of the disk the kernel says why: dmesg)',
  EIO: 'the disk failed (dmesg says how)',
  EACCES: 'permission is denied; it must be writable for root',
};

/** The failure of writing the file or directory at `path`, which is of the state directory. */
export function diskError(path: string, error: unknown): XnetError {
  return new XnetError('DISK', `${path} cannot be written: ${diskReason(error)}`, { path }, { cause: error });
}

/** Nothing can be kept there. */
export function stateDirectoryError(directory: string, error: unknown): XnetError {
  return new XnetError(
    'DISK',
    `the state directory ${directory} cannot be used: ${diskReason(error)}`,
    { path: directory },
    { cause: error },
  );
}

/** What is wrong, and what to do. */
export function diskReason(error: unknown): string {
  return REASONS[errorName(error)] ?? errorMessage(error);
}

export function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(errorName(error));
}

/** Of Node's errors, and of lmdb's, which have the number. */
function errorName(error: unknown): string {
  const { code } = error as { code?: string | number };
  return typeof code === 'number' && code > 0 ? getSystemErrorName(-code) : String(code);
}
