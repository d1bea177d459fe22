/** How tests make things so that they are found and removed if the run is killed (see `sweep.js`). */
import { appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** Call it before making a network namespace. Does nothing outside jest: the chaos suite can also run as a program of its own. */
export function willMakeNamespace(name: string): void {
  if (isRun(tmpdir())) appendFileSync(join(tmpdir(), 'namespaces'), `${name}\n`);
}

const isRun = (directory: string) => /^xnet-\d+-\d+$/.test(basename(directory));

/** For a program that must not see this process's environment: only PATH, and TMPDIR, by which it is found. */
export function bareEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, TMPDIR: tmpdir() };
}
