import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { createProgram } from './cli/program.js';
import { runDaemon } from './daemon.js';
import { errorMessage, isXnetError } from './errors.js';
import { refuseInPlugin } from './refusal.js';

/** Runs one `xnet` command and returns its exit code: 0, 1 for a failure, 2 for a wrong setting or option. */
export async function main(argv: readonly string[]): Promise<number> {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const program = createProgram({
    version,
    serve: (config) => runDaemon(config, version),
    refuse: async (reason) => void (await refuseInPlugin(reason, version)),
  });
  for (const command of [program, ...program.commands]) command.exitOverride();
  try {
    await program.parseAsync(withoutKeeper(argv));
    return Number(process.exitCode ?? 0);
  } catch (error: unknown) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (argv[2] === 'daemon' && (await refuseInPlugin(errorMessage(error), version))) return 0;
    process.stderr.write(`xnet: ${errorMessage(error)}\n`);
    return isXnetError(error, 'INVALID') ? 2 : 1;
  }
}

/**
 * `xnet daemon ...` is how the keeper of `xnet serve ...` (bin/xnet) starts the daemon: the same command, not for
 * people, whose help and errors speak of `xnet serve`.
 */
function withoutKeeper([node = '', script = '', command = '', ...args]: readonly string[]): string[] {
  return [node, script, command === 'daemon' ? 'serve' : command, ...args];
}
