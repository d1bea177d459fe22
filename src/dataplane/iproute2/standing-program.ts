import { execa } from 'execa';
import { XnetError } from '../../errors.js';
import { PROGRAM_TIMEOUT_MS } from './program.js';

interface Run {
  /** Lines the program was given before this run. */
  readonly before: number;
  /** Number of the line that ends this run. */
  readonly end: number;
  readonly resolve: (printed: string) => void;
  readonly reject: (error: XnetError) => void;
  readonly timer: NodeJS.Timeout;
}

/** No command of iproute2: its complaint marks the end of a run. It comes as soon as the lines before are done. */
const MARK = 'xnet';
const FAILED = 'Command failed -:';
/** FAILED, the number of a line, and the end of the line. */
const MOST_OF_MARK = FAILED.length + 12;
const COMPLAINT = new RegExp(`^Object "${MARK}" is unknown.*\\n`, 'm');

/**
 * An `ip` or `bridge` that stays, and does lines as they come: starting a program blocks Node for 3 to 5 ms,
 * handing lines to one takes well under one. Runs are done in order.
 *
 * iproute2 remembers the index of every interface that it has seen. A program that reports something absent
 * may have meant its predecessor of the same name: ask a fresh one before believing it.
 */
export class StandingProgram {
  /** The command line, for messages. */
  readonly command: string;
  readonly #child;
  readonly #runs: Run[] = [];
  #printed = '';
  /** As much of its end as may be part of a mark. */
  #tail = '';
  #lines = 0;
  #ended = false;

  constructor(program: string, args: readonly string[]) {
    this.command = [program, ...args].join(' ');
    const options = {
      reject: false,
      buffer: false,
      stdin: 'pipe',
      stdout: 'ignore',
      stderr: 'pipe',
    } as const;
    this.#child = execa(program, args, options);
    this.#child.stdin.on('error', () => {});
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    void this.#child.then(() => this.#end());
  }

  /** False once it ended, of itself or stopped. */
  get usable(): boolean {
    return !this.#ended;
  }

  /** How many lines it has done: a reason to replace it, since it remembers names for ever. */
  get lines(): number {
    return this.#lines;
  }

  /**
   * Does the lines, all of them, and returns what a batch of just these would have complained of; an empty text is success. Throws TIMEOUT when the program hangs; it is killed then.
   */
  run(lines: readonly string[]): Promise<string> {
    if (this.#ended) return Promise.resolve(this.#lastWords());
    const before = this.#lines;
    this.#lines += lines.length + 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#timeOut(), PROGRAM_TIMEOUT_MS);
      this.#runs.push({ before, end: this.#lines, resolve, reject, timer });
      this.#child.stdin.write(`${lines.join('\n')}\n${MARK}\n`);
    });
  }

  /** Ends it after the runs it has. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#child.stdin.end();
    await this.#child;
  }

  #read(text: string): void {
    this.#printed += text;
    // A long list comes in many parts: the whole is searched when an end may be in it, not at each of them.
    const recent = this.#tail + text;
    this.#tail = recent.slice(-MOST_OF_MARK);
    if (!recent.includes(FAILED)) return;
    for (let run = this.#runs[0]; run; run = this.#runs[0]) {
      const mark = `${FAILED}${run.end}\n`;
      const at = this.#printed.indexOf(mark);
      if (at < 0) return;
      const printed = this.#printed.slice(0, at).replace(COMPLAINT, '');
      this.#printed = this.#printed.slice(at + mark.length);
      this.#runs.shift();
      clearTimeout(run.timer);
      run.resolve(renumber(printed, run.before));
    }
  }

  /** It ended with runs undone: what it said last (such as "no such namespace") is their answer. */
  #end(): void {
    this.#ended = true;
    for (const run of this.#runs.splice(0)) {
      clearTimeout(run.timer);
      run.resolve(this.#lastWords());
    }
  }

  #lastWords(): string {
    return this.#printed || `"${this.command}" ended unexpectedly`;
  }

  #timeOut(): void {
    const message = `"${this.command}" took longer than ${PROGRAM_TIMEOUT_MS} ms and was killed`;
    for (const run of this.#runs.splice(0)) {
      clearTimeout(run.timer);
      run.reject(new XnetError('TIMEOUT', message));
    }
    this.#child.kill('SIGKILL');
  }
}

function renumber(printed: string, before: number): string {
  return printed.replace(
    /^Command failed -:(\d+)$/gm,
    (_, line) => `Command failed -:${Number(line) - before}`,
  );
}
