/** Starting foreign programs: array arguments, text on stdin, no shell, always bounded in time. */
import { execa, type ResultPromise } from 'execa';
import { XnetError } from '../../errors.js';

/** No command of ours takes a second on a processor of its own; one that takes this long hangs in the kernel. */
export const PROGRAM_TIMEOUT_MS = 30_000;

const OPTIONS = { reject: false, stripFinalNewline: false } as const;

/** Debian's package for each program, named when it is missing. */
const PACKAGES: Readonly<Record<string, string>> = { ip: 'iproute2', bridge: 'iproute2', nft: 'nftables' };

export interface ProgramOutput {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that waits for its input. */
export class StartedProgram {
  constructor(
    /** The command line, for messages. */
    readonly command: string,
    private readonly child: ResultPromise<typeof OPTIONS>,
  ) {}

  /**
   * Gives the program all of its input and waits for its end. Throws UNSUPPORTED when it is not installed and
   * TIMEOUT when it had to be killed; any exit code is an answer.
   */
  async finish(input: string, timeoutMs = PROGRAM_TIMEOUT_MS): Promise<ProgramOutput> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.child.kill('SIGKILL');
    }, timeoutMs);
    this.child.stdin?.end(input);
    const result = await this.child.finally(() => clearTimeout(timer));
    if (late)
      throw new XnetError('TIMEOUT', `"${this.command}" took longer than ${timeoutMs} ms and was killed`);
    if (result.exitCode === undefined) throw notRun(this.command, result);
    return { exitCode: result.exitCode, stdout: String(result.stdout), stderr: String(result.stderr) };
  }
}

export function startProgram(program: string, args: readonly string[]): StartedProgram {
  const child = execa(program, args, OPTIONS);
  // A program that fails before it reads closes the pipe; its exit code and stderr say why.
  child.stdin?.on('error', () => {});
  return new StartedProgram([program, ...args].join(' '), child);
}

function notRun(
  command: string,
  result: { code?: string | undefined; signal?: string | undefined; originalMessage?: string | undefined },
): XnetError {
  const program = command.split(' ', 1)[0] ?? command;
  if (result.code === 'ENOENT') {
    const remedy = `install it (Debian's package ${PACKAGES[program] ?? program})`;
    return new XnetError('UNSUPPORTED', `the program "${program}" is not on this host: ${remedy}`, {
      command,
    });
  }
  const reason = result.signal ? `it was ended by ${result.signal}` : (result.originalMessage ?? result.code);
  return new XnetError('KERNEL', `"${command}" could not be run: ${reason}`, { command });
}
