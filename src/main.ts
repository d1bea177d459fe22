/**
 * src: the program's entry (main), the daemon's start order (daemon), the plugin that cannot start (refusal), `xnet status`, the
 * commands by which a host's xnet is looked after (upkeep), and the ground that every folder may import: errors, directories, disk-errors. All else is in a folder of its own.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { CommanderError } from 'commander';
import { didYouMean } from './cli/did-you-mean.js';
import { endWithReader } from './cli/output/output.js';
import { createProgram } from './cli/program.js';
import { errorMessage, isXnetError } from './errors.js';
import { KeeperLink } from './keeper/client/keeper-link.js';
import { printable } from './observability/layout.js';

/** Commander's codes of errors that are not about options. `help`: a command that is only the beginning of others. */
const ABOUT_WORDS = [
  ...['commander.excessArguments', 'commander.missingArgument', 'commander.unknownCommand', 'commander.help'],
];

/** Runs one `xnet` command and returns its exit code: 0, 1 for a failure, 2 for a wrong setting or option. */
export async function main(argv: readonly string[]): Promise<number> {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  await using keeper = new KeeperLink();
  const program = createProgram({
    version,
    // Loaded when wanted: `xnet status` answers in a third of the time.
    serve: async (config) => (await import('./daemon.js')).runDaemon(config, version, keeper),
    withoutDaemon: async (socketPath, reason) =>
      (await import('./offline/offline.js')).answerWithoutDaemon(socketPath, reason, version),
    writeBundle: async (ask, path) => (await import('./bundle/bundle.js')).writeBundle(version, ask, path),
    refuse: async (reason) => void (await refuse(reason, version, keeper)),
  });
  if (!isServing(argv)) endWithReader(process.stdout);
  try {
    if (argv.length <= 2) program.outputHelp();
    else await program.parseAsync(withoutKeeper(argv));
    // By then it is known whether the last of what was printed could be written.
    await setImmediate();
    return Number(process.exitCode ?? 0);
  } catch (error: unknown) {
    if (error instanceof CommanderError) return refused(error, argv.slice(2));
    if (argv[2] === 'daemon' && !isCheck(argv) && (await refuse(errorMessage(error), version, keeper)))
      return 0;
    process.stderr.write(`xnet: ${errorMessage(error).split('\n').map(printable).join('\n')}\n`);
    return isXnetError(error, 'INVALID') ? 2 : 1;
  }
}

/** Words that are no command, or are missing or too many, may be near one: it is printed behind commander's own words. */
function refused({ exitCode, code }: CommanderError, words: readonly string[]): number {
  if (exitCode === 0) return 0;
  const meant = ABOUT_WORDS.includes(code) ? didYouMean(words, hostname()) : undefined;
  if (meant !== undefined) process.stderr.write(`did you mean: ${meant}\n`);
  return 2;
}

/** Its output is the log, and nobody's to end it with. */
function isServing([, , command = '', ...args]: readonly string[]): boolean {
  const isQuestion = args.some((arg) => ['--help', '-h', '--check'].includes(arg));
  return ['serve', 'daemon', 'refuse'].includes(command) && !isQuestion;
}

/** The keeper asks before an upgrade; nothing is served. */
function isCheck(argv: readonly string[]): boolean {
  return argv.includes('--check');
}

/**
 * `xnet daemon ...` is how the keeper of `xnet serve ...` (bin/xnet) starts the daemon: the same command, not for
 * people, whose help and errors speak of `xnet serve`.
 */
function withoutKeeper([node = '', script = '', command = '', ...args]: readonly string[]): string[] {
  return [node, script, command === 'daemon' ? 'serve' : command, ...args];
}

async function refuse(reason: string, version: string, keeper: KeeperLink): Promise<boolean> {
  return (await import('./refusal.js')).refuseInPlugin(reason, version, keeper);
}
