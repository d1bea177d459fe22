import { type ChildProcess, spawn } from 'node:child_process';

/** A start may take 12 s on a machine at work; the daemon that runs serves meanwhile. */
const TIMEOUT_MS = 60_000;
const LONGEST_REASON = 2000;
/** The error of an older version that is put back: it cannot check, and is started without. */
const KNOWS_NO_CHECK = "unknown option '--check'";

/** Asks the version on disk whether it can start with its configuration, before the daemon that runs makes room for it. */
export class UpgradeCheck {
  /** Resolves when it has ended: undefined when it can, otherwise why not, on one line. */
  readonly refusal: Promise<string | undefined>;
  readonly #child: ChildProcess;

  constructor([program = '', ...args]: readonly string[], environment: NodeJS.ProcessEnv) {
    // A group of its own: a signal to the keeper's is none to it.
    this.#child = spawn(program, [...args, '--check'], {
      env: environment,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    this.refusal = this.#judge();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  #judge(): Promise<string | undefined> {
    const child = this.#child;
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-LONGEST_REASON);
    });
    return new Promise<string | undefined>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) => resolve(judge(code, signal, said)));
    });
  }
}

function judge(code: number | null, signal: string | null, said: string): string | undefined {
  if (code === 0 || said.includes(KNOWS_NO_CHECK)) return undefined;
  const reason = said
    .trim()
    .replace(/^xnet: /, '')
    .replaceAll(/\s*\n\s*/g, ' ');
  return reason || `its check ended with ${signal ?? `code ${code}`}`;
}
