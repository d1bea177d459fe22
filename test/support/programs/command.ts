/** Commands that say everything about their failure. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { loadRatio } from '../time/load.js';

/** A command that ended with another exit code than 0, or was ended for taking too long. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    readonly command: readonly string[],
    /** null: ended by a signal. */
    readonly exitCode: number | null,
    /** What it wrote to standard output and standard error. */
    readonly output: string,
  ) {
    super(`${command.join(' ')}\nended with ${exitCode ?? 'a signal (time limit?)'}:\n${output}`);
  }
}

/** What a command says that must fail. Throws when it succeeds. */
export async function refusalOf(command: Promise<string>): Promise<string> {
  const failure: unknown = await command.then(
    () => new Error('the command succeeded, it should have been refused'),
    (error: unknown) => error,
  );
  if (failure instanceof CommandError) return failure.output;
  throw failure;
}

export interface CommandOptions {
  /** Default 100 s: less than a test may take, so that the command is named. As a test's limit, longer where programs wait for a processor. */
  readonly timeoutMs?: number;
  /** Added to this process's environment; taken out of it, if undefined. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** All of the environment: nothing of this process's. */
  readonly environment?: Readonly<Record<string, string>>;
  /** This process's if not given. */
  readonly directory?: string;
}

/** The standard output, without white space at the end, of a command that must succeed. Throws CommandError. */
export async function run(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const [program = '', ...args] = command;
  const { timeoutMs = 100_000, env, directory: cwd } = options;
  const environment = options.environment ?? { ...process.env, ...env };
  const settings = {
    cwd,
    timeout: Math.round(timeoutMs * loadRatio()),
    env: environment,
    maxBuffer: 1 << 26,
  };
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, settings, (error, stdout, stderr) => {
      if (error) reject(new CommandError(command, child.exitCode, `${stdout}${stderr || error.message}`));
      else resolve(stdout.trimEnd());
    });
    child.stdin?.end();
  });
}

/** A command that goes on in the background until it ends or is stopped. */
export class Background implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #output = '';

  /** `env`: all of its environment. */
  constructor(command: readonly string[], env: Readonly<Record<string, string | undefined>>) {
    const [program = '', ...args] = command;
    this.#child = spawn(program, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#closed = new Promise((resolve) => this.#child.once('close', () => resolve()));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
  }

  /** What it has written so far. */
  get output(): string {
    return this.#output;
  }

  /** Everything it wrote, once it has ended by itself. */
  async ended(): Promise<string> {
    await this.#closed;
    return this.#output;
  }

  /** Everything it wrote until it was told to stop. */
  async stop(): Promise<string> {
    if (this.#child.exitCode === null) this.#child.kill('SIGTERM');
    const hard = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await this.#closed;
    clearTimeout(hard);
    return this.#output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
