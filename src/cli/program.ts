/**
 * src/cli: the command line. Options are read here, answers of the daemon are printed here; exit codes are 0, 1 for a failure
 * and 2 for a wrong option. Not in here: the daemon itself, which is not even loaded for the commands that ask it, and
 * anything that reads or changes state past the admin socket.
 */
import { Command, Option } from 'commander';
import { checkConfig } from '../config/check.js';
import { DEFAULT_CONFIG_FILE, loadConfig } from '../config/load.js';
import { type Config, listSettings } from '../config/schema.js';
import type { FindWithoutDaemon } from './ask/ask.js';
import { addCaptureOptions } from './capture/capture-options.js';
import { addCompletion } from './completion.js';
import { addDocuments, type WriteBundle } from './documents/documents.js';
import { addEtcdRoles } from './documents/etcd-roles.js';
import { addHost } from './lists/hosts.js';
import { addLists } from './lists/lists.js';
import { addDoctor } from './looks/doctor.js';
import { addEgress } from './looks/egress.js';
import { addEvents } from './looks/events.js';
import { addPing } from './looks/ping.js';
import { addStatus } from './looks/status.js';
import { addTrace } from './looks/trace.js';
import { defaultAdminSocket, prints } from './options.js';
import { addPolicy } from './policy/policy.js';

export interface Actions {
  /** Runs the daemon until it is ordered to stop. */
  readonly serve: (config: Config) => Promise<void>;
  /** Lets the managed plugin be enabled although it cannot run, until it is ordered to stop. */
  readonly refuse: (reason: string) => Promise<void>;
  /** Answers in the place of a daemon that does not. */
  readonly withoutDaemon?: FindWithoutDaemon;
  readonly writeBundle: WriteBundle;
  readonly version: string;
}

/** The `xnet` command line. Where commander would end the process, with an exit code of its own, it throws a CommanderError. */
export function createProgram({ serve, refuse, withoutDaemon, writeBundle, version }: Actions): Command {
  const program = new Command('xnet')
    .description('networks for containers on many Docker hosts')
    .version(version)
    .showHelpAfterError('(xnet --help lists the commands)')
    .exitOverride()
    .hook('preAction', (_program, command) => {
      if (command.name() !== 'serve') command.setOptionValue('withoutDaemon', withoutDaemon);
    });
  program
    .command('version')
    .description('print the version')
    .action(() => void process.stdout.write(`${version}\n`));
  addServe(program, serve);
  addStatus(program);
  addDoctor(program);
  addTrace(program);
  addEvents(program);
  addEgress(program);
  addCaptureOptions(prints(program.command('capture <network|container|host>')));
  addPing(program);
  addHost(program);
  addLists(program);
  addPolicy(program);
  addDocuments(program, defaultAdminSocket(), writeBundle);
  addEtcdRoles(program);
  program
    .command('openapi')
    .description('print a description of the admin API (OpenAPI)')
    .action(async () => {
      const { describeApi } = await import('../admin/openapi.js');
      process.stdout.write(`${JSON.stringify(describeApi(), undefined, 2)}\n`);
    });
  addCompletion(program, defaultAdminSocket());
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
  const keys = new Map<string, string>();
  for (const { key, flag, description, defaultText, isRepeatable } of listSettings()) {
    const shown = defaultText === undefined ? description : `${description} (default: ${defaultText})`;
    const option = new Option(`${flag} <value>`, shown);
    if (isRepeatable) option.argParser((value, former: string[] = []) => [...former, value]);
    keys.set(option.attributeName(), key);
    command.addOption(option);
  }
  command.action(async ({ config: file, check, ...given }: ServeOptions) => {
    const flags = Object.fromEntries(Object.entries(given).map(([name, value]) => [keys.get(name), value]));
    const config = loadConfig({ flags, file });
    if (!check) return await serve(config);
    await checkConfig(config);
    process.stdout.write(
      'xnet can start with this configuration (whether etcd and Docker answer is not looked at)\n',
    );
  });
}
