/** The state directory: what this host must remember over a restart and a reboot. The function that judges is pure. */
import { access, constants, readFile, realpath, statfs } from 'node:fs/promises';
import { type Upkeep, upkeepOf } from '../upkeep.js';
import { allWell, failure, type Judgement, warning } from './finding.js';

const FEW_BYTES = 200e6;
const FEW_FILES = 1000;
/** linux/magic.h: tmpfs and ramfs. */
const IN_MEMORY = [0x01021994, 0x858458f6];

export interface Disk {
  readonly directory: string;
  /** Where its file system is mounted. */
  readonly mount: string;
  readonly freeBytes: number;
  /** undefined: the file system has no fixed number of files. */
  readonly freeFiles: number | undefined;
  readonly isReadOnly: boolean;
  /** Gone after a reboot. */
  readonly isMemory: boolean;
}

export async function readDisk(path: string): Promise<Disk> {
  // What is mounted is seen by the path without links.
  const directory = await realpath(path);
  const [{ type, bavail, bsize, files, ffree }, mounts, isReadOnly] = await Promise.all([
    statfs(directory),
    readFile('/proc/self/mounts', 'utf8'),
    access(directory, constants.W_OK).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'EROFS',
    ),
  ]);
  return {
    ...{ directory, mount: mountOf(directory, mounts), isReadOnly, isMemory: IN_MEMORY.includes(type) },
    ...{ freeBytes: bavail * bsize, freeFiles: files === 0 ? undefined : ffree },
  };
}

export function judgeDisk(disk: Disk, upkeep: Upkeep = upkeepOf(undefined)): readonly Judgement[] {
  const { mount, freeBytes, freeFiles, isReadOnly, isMemory } = disk;
  const [directory, mounted] = [upkeep.hostPath(disk.directory), upkeep.stateMount(mount)];
  return allWell(
    [
      ...(isReadOnly
        ? [
            failure(
              `${directory} cannot be written to: after a restart while etcd is away this host knows no network`,
              `mount -o remount,rw ${mounted}   # a disk that failed is mounted read-only by the kernel: see dmesg`,
            ),
          ]
        : []),
      ...(isMemory
        ? [
            warning(
              `${directory} is in memory: after a reboot this host is another one, and has lost its networks`,
              upkeep.moveState(mount),
            ),
          ]
        : []),
      ...(freeBytes < FEW_BYTES
        ? [
            failure(
              `${Math.round(freeBytes / 1e6)} MB free in ${directory}: what happens while etcd is away may be lost`,
              `free some; the largest: du -xh ${mounted} | sort -h | tail`,
            ),
          ]
        : []),
      ...(freeFiles !== undefined && freeFiles < FEW_FILES
        ? [
            failure(
              `${upkeep.hostPath(mount)} has room for ${freeFiles} more files`,
              `remove some; where the most are: du --inodes -x ${mounted} | sort -n | tail`,
            ),
          ]
        : []),
    ],
    `${(freeBytes / 1e9).toFixed(1)} GB free in ${directory}`,
  );
}

/** `mounts`: /proc/self/mounts, where a blank is \\040 (fstab(5)). */
export function mountOf(path: string, mounts: string): string {
  const points = mounts
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '))
    .filter((point) => point === path || point === '/' || path.startsWith(`${point}/`));
  return points.reduce((longest, point) => (point.length > longest.length ? point : longest), '/');
}
