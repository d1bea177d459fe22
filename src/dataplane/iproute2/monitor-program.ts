import { execa } from 'execa';
import { sleep } from '../../concurrency/deadline.js';

const RESTART_MS = 5_000;

/** It would outlive a daemon that is killed, until the next event finds nobody to read it. */
const WITH_US = ['--pdeathsig', 'KILL'];

/**
 * Runs a program that reports line by line, its complaints too, until `signal` aborts; again when it ends before. `onStart`: each time that it
 * is started, since what came before is not reported. Rejects only as `take` throws.
 */
export async function monitorProgram(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
  take: (line: string) => void,
  onStart: () => void = () => {},
): Promise<void> {
  while (!signal.aborted) {
    const child = execa('setpriv', [...WITH_US, program, ...args], {
      ...{ reject: false, buffer: false, stdin: 'ignore', all: true },
      ...{ cancelSignal: signal, killSignal: 'SIGKILL' },
    });
    onStart();
    for await (const line of child.iterable({ from: 'all' })) take(line);
    await sleep(RESTART_MS, signal);
  }
}
