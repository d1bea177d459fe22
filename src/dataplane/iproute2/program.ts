/** Running foreign programs: array arguments, text on stdin, no shell, always bounded in time. */
import { execa } from 'execa';
import { XnetError } from '../../errors.js';

/** No command of ours takes a second on a processor of its own; one that takes this long hangs in the kernel. */
export const PROGRAM_TIMEOUT_MS = 30_000;

/** Debian's package for each program, named when it is missing. */
const PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  bridge: 'iproute2',
  nft: 'nftables',
  wg: 'wireguard-tools',
};

export interface ProgramOutput {
  /** The command line, for messages. */
  readonly command: string;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Gives the program all of its input and waits for its end. Throws UNSUPPORTED when it is not installed and
 * TIMEOUT when it had to be killed; any exit code is an answer, also of a program that did not read its input. `ownSession`: what it leaves
 * in the background is not reached by a signal to the daemon's process group.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  input = '',
  timeoutMs = PROGRAM_TIMEOUT_MS,
  { ownSession = false } = {},
): Promise<ProgramOutput> {
  const command = [program, ...args].join(' ');
  const limits = { timeout: timeoutMs, killSignal: 'SIGKILL' } as const;
  const options = {
    reject: false,
    stripFinalNewline: false,
    input,
    detached: ownSession,
    ...limits,
  } as const;
  const result = await execa(program, args, options);
  if (result.timedOut)
    throw new XnetError('TIMEOUT', `"${command}" took longer than ${timeoutMs} ms and was killed`);
  const { exitCode, stdout, stderr } = result;
  if (exitCode === undefined) throw notRun(program, command, result);
  return { command, exitCode, stdout, stderr };
}

/** What to put before a command so that it runs in `namespace`. */
export function enterCommand(namespace: string | undefined): string[] {
  if (namespace === undefined) return [];
  return namespace.startsWith('/') ? ['nsenter', `--net=${namespace}`] : ['ip', 'netns', 'exec', namespace];
}

function notRun(
  program: string,
  command: string,
  result: { code?: string | undefined; signal?: string | undefined; originalMessage?: string | undefined },
): XnetError {
  if (result.code === 'ENOENT') {
    const remedy = `install it (Debian's package ${PACKAGES[program] ?? program})`;
    return new XnetError('UNSUPPORTED', `the program "${program}" is not on this host: ${remedy}`, {
      command,
    });
  }
  const reason = result.signal ? `it was ended by ${result.signal}` : (result.originalMessage ?? result.code);
  return new XnetError('KERNEL', `"${command}" could not be run: ${reason}`, { command });
}
