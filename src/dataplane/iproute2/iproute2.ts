/**
 * The one door to `ip` and `bridge`. Lines go in by stdin (`-force -batch -`): every line is tried, and the
 * failures come back with the line and the kernel's words. Nothing else of xnet reads what iproute2 prints.
 */
import type { z } from 'zod';
import { type Limit, limitTo } from '../../concurrency/limit.js';
import { XnetError } from '../../errors.js';
import { OwnWork } from './own-work.js';
import { runProgram } from './program.js';
import { HOST, type Iproute2Program, type Lane, StandingPrograms } from './standing-programs.js';

/** One line of a batch that the kernel (or iproute2) refused. */
export interface BatchFailure {
  readonly line: string;
  /** What the kernel said, as iproute2 prints it. */
  readonly words: string;
}

interface BatchOutcome {
  readonly command: string;
  readonly failures: readonly BatchFailure[];
}

export interface BatchOptions {
  /** Failures that are success here, as a removal of something absent. Default: none. */
  readonly tolerate?: (failure: BatchFailure) => boolean;
  /** Default: that of short work. */
  readonly lane?: Lane;
  /** Of work in the host's namespace: by a standing program, as in all others. For what is done often. */
  readonly isFrequent?: boolean;
}

/**
 * How many batches of a lane are at the kernel's one RTNL lock at a time. Measured with 60 endpoints of 10
 * networks, 10 at a time, on 2 busy cores: 1: 1.0 s, 2: 0.6 s, 4: 0.65 s, 10: 1.2 s.
 */
const CONCURRENCY = 2;

/**
 * What iproute2 says when devices or entries changed while it listed them, for itself too: no failure of a line. It may stand in the
 * midst of a long list.
 */
const INTERRUPTED = /Dump was interrupted and may be inconsistent\.\n?/;

/** How often a list is asked for that others change all the time. */
const MOST_DUMPS = 3;

export class Iproute2 {
  readonly #limits: Record<Lane, Limit> = { main: limitTo(CONCURRENCY), removal: limitTo(CONCURRENCY) };
  readonly #standing = new StandingPrograms();

  /** `hostNamespace` names the namespace that `undefined` stands for; default: the one this process is in. */
  constructor(
    private readonly hostNamespace: string | undefined,
    private readonly ownWork = new OwnWork(),
  ) {}

  /**
   * Gives the kernel the lines in order; all are tried. Throws for the first failure that is not tolerated
   * (NOT_FOUND: no such namespace; UNSUPPORTED: the kernel lacks it; else KERNEL), else returns the tolerated
   * ones. Lines that failed may be tried twice, so they must be idempotent.
   */
  async batch(
    program: Iproute2Program,
    namespace: string | undefined,
    lines: readonly string[],
    { tolerate, lane = 'main', isFrequent = false }: BatchOptions = {},
  ): Promise<readonly BatchFailure[]> {
    if (lines.length === 0) return [];
    for (const line of lines) assertPlain(line);
    return this.#limits[lane](async () => {
      const standing = (place: string) => this.#runStanding(program, place, lines, lane);
      const run = () => {
        if (namespace !== undefined) return this.ownWork.run(namespace, () => standing(namespace), lines);
        return isFrequent ? standing(this.hostNamespace ?? HOST) : this.#runOnce(program, lines);
      };
      const { command, failures } = await run();
      const first = failures.find((failure) => !tolerate?.(failure));
      if (first) throw failed(command, first);
      return failures;
    });
  }

  /** Lets go of a namespace that is to be deleted. */
  async leave(namespace: string): Promise<void> {
    await this.#standing.stop(namespace);
  }

  /** Lets go of the host's namespace, until work there is frequent again. */
  async leaveHost(): Promise<void> {
    await this.leave(this.hostNamespace ?? HOST);
  }

  /** Ends all programs. */
  async close(): Promise<void> {
    await this.#standing.stop();
  }

  /** Runs one command outside a batch, as `ip netns add`. Throws like `batch`. */
  async run(args: readonly string[], tolerate?: (failure: BatchFailure) => boolean): Promise<void> {
    await this.#limits.main(async () => {
      const { command, exitCode, stderr } = await runProgram('ip', args);
      const failure = { line: args.join(' '), words: plainWords(stderr) };
      if (exitCode !== 0 && !tolerate?.(failure)) throw failed(command, failure);
    });
  }

  /** The list that `ip -j` prints in the host's namespace, checked against `schema`. Throws like `batch`, UNSUPPORTED. */
  async show<T>(args: readonly string[], schema: z.ZodType<T[]>): Promise<T[]> {
    return this.#limits.main(async () => {
      for (let tries = 1; ; tries += 1) {
        const words = [...this.#namespaceArgs(), '-j', ...args];
        const { command, exitCode, stdout, stderr } = await runProgram('ip', words);
        if (exitCode !== 0) throw failed(command, { line: args.join(' '), words: plainWords(stderr) });
        if (!INTERRUPTED.test(stderr) || tries >= MOST_DUMPS) return parseJson(command, stdout, schema);
      }
    });
  }

  /**
   * What `ip -j` prints for each of these lines in the host's namespace, or why it refused the line. One program for all. Throws
   * like `show`.
   */
  async showEach<T>(lines: readonly string[], schema: z.ZodType<T[]>): Promise<(T[] | BatchFailure)[]> {
    if (lines.length === 0) return [];
    for (const line of lines) assertPlain(line);
    return this.#limits.main(async () => {
      const args = [...this.#namespaceArgs(), '-j', '-force', '-batch', '-'];
      const { command, stdout, stderr } = await runProgram('ip', args, `${lines.join('\n')}\n`);
      const failures = stderr === '' ? [] : parseFailures(lines, stderr);
      // One list after the other, each in a line; nothing for a line that failed.
      const lists = stdout.split('\n').filter((text) => text.trim() !== '');
      return lines.map(
        (line) =>
          failures.find((failure) => failure.line === line) ??
          parseJson(command, lists.shift() ?? '', schema),
      );
    });
  }

  async #runOnce(program: Iproute2Program, lines: readonly string[]): Promise<BatchOutcome> {
    const args = [...this.#namespaceArgs(), '-force', '-batch', '-'];
    const { command, exitCode, stderr } = await runProgram(program, args, `${lines.join('\n')}\n`);
    return { command, failures: exitCode === 0 ? [] : parseFailures(lines, stderr) };
  }

  async #runStanding(
    name: Iproute2Program,
    namespace: string,
    lines: readonly string[],
    lane: Lane,
  ): Promise<BatchOutcome> {
    const program = await this.#standing.take(name, namespace, lane);
    const used = program.lines > 0;
    const first = withoutNotes(await program.run(lines));
    const failures = first === '' ? [] : parseFailures(lines, first);
    if (!used || failures.every(isPresent)) return { command: program.command, failures };
    // It may have mistaken an interface for an earlier one of that name, or have died.
    const doubtful = failures.filter((failure) => !isPresent(failure)).map(({ line }) => line);
    const again = doubtful.includes('') ? lines : doubtful;
    const fresh = await this.#standing.take(name, namespace, lane, true);
    const second = withoutNotes(await fresh.run(again));
    const believed = [
      ...failures.filter(({ line }) => !again.includes(line)),
      ...(second === '' ? [] : parseFailures(again, second)),
    ];
    return { command: fresh.command, failures: believed };
  }

  #namespaceArgs(): string[] {
    return this.hostNamespace === undefined ? [] : ['-n', this.hostNamespace];
  }
}

/** The thing named is not there (any more). */
export function isAbsent(failure: BatchFailure): boolean {
  return /No such (file|device|process)|Cannot find device|does not exist|Cannot assign requested address/.test(
    failure.words,
  );
}

/** The thing to be added is there already. */
export function isPresent(failure: BatchFailure): boolean {
  return /File exists|address already assigned/.test(failure.words);
}

/** Another VXLAN device of the host has the VNI: for good, or only until the kernel has taken it apart. */
export function isVniTaken(failure: BatchFailure): boolean {
  return /VXLAN device with the specified VNI already exists/.test(failure.words);
}

/** Another socket has the UDP port in a way that cannot be shared. */
export function isPortTaken(failure: BatchFailure): boolean {
  return /Address already in use/.test(failure.words);
}

/**
 * A batch line has no character that iproute2 reads as anything but a word: values cannot become commands.
 */
function assertPlain(line: string): void {
  if (!/^[\w .:/-]+$/.test(line))
    throw new XnetError('INVALID', `not a plain iproute2 line: ${JSON.stringify(line)}`);
}

/** In a batch the words of a failure come before "Command failed -:N", N being the line's number from 1. */
export function parseFailures(lines: readonly string[], stderr: string): BatchFailure[] {
  const failures: BatchFailure[] = [];
  let words: string[] = [];
  for (const text of stderr.split('\n')) {
    const number = /^Command failed -:(\d+)$/.exec(text)?.[1];
    if (number === undefined) words.push(text);
    else {
      failures.push({ line: lines[Number(number) - 1] ?? '', words: plainWords(words.join('\n')) });
      words = [];
    }
  }
  // iproute2 gives up a batch without a line number on a missing namespace or a word it does not know.
  const rest = plainWords(words.join('\n'));
  if (rest !== '' || failures.length === 0) failures.push({ line: '', words: rest });
  return failures;
}

/** Less what iproute2 says of its own lists: a line that failed for it says so itself. */
export function withoutNotes(stderr: string): string {
  return stderr.replace(new RegExp(INTERRUPTED, 'g'), '');
}

function plainWords(stderr: string): string {
  return stderr
    .split('\n')
    .map((text) => text.replace(/^(RTNETLINK answers|Error): /, '').trim())
    .filter((text) => text !== '')
    .join('; ');
}

function failed(command: string, { line, words }: BatchFailure): XnetError {
  const at = line === '' || command.endsWith(line) ? '' : ` at "${line}"`;
  const fields = { command, line, kernel: words };
  if (/Cannot open network namespace|setting the network namespace/.test(words)) {
    return new XnetError('NOT_FOUND', `"${command}" found no such network namespace: ${words}`, fields);
  }
  const code = /not supported|Unknown device type|unknown|garbage/i.test(words) ? 'UNSUPPORTED' : 'KERNEL';
  return new XnetError(code, `"${command}" failed${at}: ${words || 'no reason given'}`, fields);
}

function parseJson<T>(command: string, stdout: string, schema: z.ZodType<T[]>): T[] {
  try {
    // Some versions print nothing when there is nothing to show, and {} for what a filter hides.
    const entries: unknown[] = JSON.parse(stdout.trim() === '' ? '[]' : stdout);
    return schema.parse(entries.filter((entry) => !isEmptyObject(entry)));
  } catch (error: unknown) {
    const message = `"${command}" printed what this version of xnet cannot read; is iproute2 5.0 or later?`;
    throw new XnetError('UNSUPPORTED', message, { command }, { cause: error });
  }
}

function isEmptyObject(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && Object.keys(entry).length === 0;
}
