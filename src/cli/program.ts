/**
 * src/cli: the command line. Options are read here, answers of the daemon are printed here; exit codes are 0, 1 for a failure
 * and 2 for a wrong option. Not in here: the daemon itself, which is not even loaded for the commands that ask it, and
 * anything that reads or changes state past the admin socket.
 */
import { Command, Option } from 'commander';
import { checkConfig } from '../config/check.js';
import { DEFAULT_CONFIG_FILE, loadConfig } from '../config/load.js';
import { type Config, configSchema, listSettings } from '../config/schema.js';
import { printHosts, printStatus, removeHost } from './admin-commands.js';

export interface Actions {
  /** Runs the daemon until it is ordered to stop. */
  readonly serve: (config: Config) => Promise<void>;
  /** Lets the managed plugin be enabled although it cannot run, until it is ordered to stop. */
  readonly refuse: (reason: string) => Promise<void>;
  readonly version: string;
}

const STATUS_EXIT_CODES = `
Exit code:
  0  no problem
  1  problems, on the lines PROBLEM: of this host, of others that are alive, and others that are silent;
     or no daemon answers
  2  a wrong option`;

/** The `xnet` command line. Where commander would end the process, with an exit code of its own, it throws a CommanderError. */
export function createProgram({ serve, refuse, version }: Actions): Command {
  const program = new Command('xnet')
    .description('networks for containers on many Docker hosts')
    .version(version)
    .showHelpAfterError('(xnet --help lists the commands)')
    .exitOverride();
  program
    .command('version')
    .description('print the version')
    .action(() => void process.stdout.write(`${version}\n`));
  addServe(program, serve);
  program
    .command('status')
    .description('show this host, its store, networks, endpoints and peers')
    .option('--json', 'print JSON')
    .option('--admin-socket <path>', 'socket of the daemon', defaultAdminSocket())
    .addHelpText('after', STATUS_EXIT_CODES)
    .action(printStatus);
  addHost(program);
  program
    .command('refuse <reason>', { hidden: true })
    .description("refuse all of Docker's calls, for the reason that the managed plugin's entrypoint found")
    .action(refuse);
  return program;
}

interface ServeOptions {
  readonly config?: string;
  readonly check?: true;
  /** The settings, as strings. */
  readonly [flag: string]: unknown;
}

function addServe(program: Command, serve: Actions['serve']): void {
  const command = program
    .command('serve')
    .description(
      'run the daemon; each option is also a variable (XNET_...) and a key of the configuration file',
    )
    .option('--config <file>', `configuration file (JSON); default ${DEFAULT_CONFIG_FILE} if it is there`)
    .option(
      '--check',
      'only check whether xnet can start with this configuration: exit code 0, or 1 or 2 and why',
    );
  for (const { flag, description, defaultText } of listSettings()) {
    const shown = defaultText === undefined ? description : `${description} (default: ${defaultText})`;
    command.addOption(new Option(`${flag} <value>`, shown));
  }
  command.action(async ({ config: file, check, ...flags }: ServeOptions) => {
    const config = loadConfig({ flags, file });
    if (!check) return await serve(config);
    await checkConfig(config);
    process.stdout.write(
      'xnet can start with this configuration (whether etcd and Docker answer is not looked at)\n',
    );
  });
}

function addHost(program: Command): void {
  const host = program.command('host').description('list the hosts of the cluster, or remove one for good');
  host
    .command('ls')
    .description('list the hosts of the cluster, also silent ones')
    .option('--json', 'print JSON')
    .option('--admin-socket <path>', 'socket of the daemon', defaultAdminSocket())
    .action(printHosts);
  host
    .command('rm <host>')
    .description(
      'forget a silent host (name or id) that will not come back, with all that it has in the cluster',
    )
    .option('--admin-socket <path>', 'socket of the daemon', defaultAdminSocket())
    .action(removeHost);
}

function defaultAdminSocket(): string {
  return configSchema.parse({}).adminSocket;
}
