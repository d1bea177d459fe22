/** Options that several commands have. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { configSchema } from '../config/schema.js';
import { FORMATS } from './output/output.js';

/** The options of each command that shows an answer of the daemon, once or again and again. */
export function asks(command: Command): Command {
  return prints(command).addOption(
    new Option('-w, --watch [seconds]', 'ask again every so many seconds (2), until Ctrl-C').argParser(
      parseSeconds,
    ),
  );
}

/** The options of each command that shows an answer of the daemon. */
export function prints(command: Command): Command {
  return command
    .addOption(new Option('-o, --output <format>', 'how the answer is printed').choices(FORMATS))
    .addOption(new Option('--json', 'the same as --output json').conflicts('output'))
    .addOption(adminSocket());
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds >= 0.1 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('Give seconds, from 0.1 to 86400.');
}

export function adminSocket(): Option {
  return new Option('--admin-socket <path>', 'socket of the daemon').default(defaultAdminSocket());
}

export function defaultAdminSocket(): string {
  return configSchema.parse({}).adminSocket;
}
