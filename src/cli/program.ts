/**
 * src/cli: the command line. Options are read here, answers of the daemon are printed here; exit codes are 0, 1 for a failure
 * and 2 for a wrong option. Not in here: the daemon itself, which is not even loaded for the commands that ask it, and
 * anything that reads or changes state past the admin socket.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { checkConfig } from '../config/check.js';
import { DEFAULT_CONFIG_FILE, loadConfig } from '../config/load.js';
import { type Config, configSchema, listSettings } from '../config/schema.js';
import {
  printAddresses,
  printDoctor,
  printEndpoints,
  printHosts,
  printNames,
  printNetwork,
  printNetworks,
  printPools,
  printStatus,
  printTrace,
  removeHost,
} from './admin-commands.js';
import type { FindWithoutDaemon } from './ask.js';
import { addCaptureOptions } from './capture/capture-options.js';
import { addCompletion } from './completion.js';
import { addDocuments, type WriteBundle } from './documents/documents.js';
import { printEvents } from './events.js';
import { FORMATS } from './output.js';
import { PING_EXIT_CODES, printPing } from './ping.js';

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

const STATUS_EXIT_CODES = `
Exit code:
  0  no problem
  1  problems, on the lines PROBLEM: of this host, of others that are alive, and others that are silent;
     or no daemon answers: then it says what this host knows without it
  2  a wrong option`;

const TRACE_EXIT_CODES = `
Exit code:
  0  no fault, and nothing is unknown
  1  faults, or hops of which nothing is known; or no daemon answers
  2  a wrong option`;

const DOCTOR_EXIT_CODES = `
Exit code:
  0  no failure
  1  failures, or no daemon answers: then it looks at what it can without it
  2  a wrong option`;

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
  asks(program.command('status'))
    .description('show this host, its store, networks, endpoints and peers')
    .addHelpText('after', STATUS_EXIT_CODES)
    .action(printStatus);
  asks(program.command('doctor'))
    .description('look for what may be wrong on this host and in the cluster, each with its remedy')
    .option('--all', 'look on every host that is alive')
    .addHelpText('after', DOCTOR_EXIT_CODES)
    .action(printDoctor);
  asks(program.command('trace <container|host> <container|host>'))
    .description(
      'follow a packet from a container or host to another (NAME:PORT), or `outside`: each hop, and what mends it',
    )
    .option('--udp', 'send UDP to the port, not TCP')
    .option('--network <network>', 'by this network (name or id), if they have several in common')
    .addHelpText('after', TRACE_EXIT_CODES)
    .action(printTrace);
  prints(program.command('events'))
    .description('list what has happened on this host, or follow what happens')
    .option('--since <time>', 'how long ago (10m, 2h, 1d), or a time (ISO 8601); default: 1h')
    .option('-f, --follow', 'go on with what happens from now on, until Ctrl-C')
    .option('--all', 'on every host that is alive')
    .action(printEvents);
  addCaptureOptions(prints(program.command('capture <network|container|host>')));
  addPing(program);
  addHost(program);
  addLists(program);
  addDocuments(program, defaultAdminSocket(), writeBundle);
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

function addPing(program: Command): void {
  asks(program.command('ping <host>'))
    .description('send packets to another host (name or id), through the tunnel and on the underlay')
    .option('--count <number>', 'how many packets, from 1 to 40; default: 5')
    .option(
      '--size <bytes>',
      'of each packet, with its IP header, from 64 to what containers send; default: 84',
    )
    .addHelpText('after', PING_EXIT_CODES)
    .action(printPing);
}

function addHost(program: Command): void {
  const host = program.command('host').description('list the hosts of the cluster, or remove one for good');
  asks(host.command('ls')).description('list the hosts of the cluster, also silent ones').action(printHosts);
  host
    .command('rm <host>')
    .description(
      'forget a silent host (name or id) that will not come back, with all that it has in the cluster',
    )
    .option('--admin-socket <path>', 'socket of the daemon', defaultAdminSocket())
    .action(removeHost);
}

/** Of the whole cluster, on any host. */
function addLists(program: Command): void {
  asks(program.command('hosts'))
    .description('list the hosts of the cluster, also silent ones')
    .action(printHosts);
  asks(program.command('networks')).description('list the networks of the cluster').action(printNetworks);
  const network = program.command('network').description('show one network of the cluster');
  asks(network.command('show <network>'))
    .description('show a network (name or id): its options, its Docker networks, its containers on all hosts')
    .action(printNetwork);
  asks(program.command('endpoints'))
    .description('list the containers in networks of the cluster, with host, addresses and MAC')
    .option('--network <network>', 'only those in the network (name or id)')
    .option('--host <host>', 'only those on the host (name or id)')
    .action(printEndpoints);
  asks(program.command('addresses <network>'))
    .description('list the addresses of a network (name or id) that are not free, and who has them')
    .action(printAddresses);
  asks(program.command('names <network|container>'))
    .description('list the names that are answered in a network, or those of a container (names or ids)')
    .action(printNames);
  asks(program.command('pools'))
    .description('list the subnets of the cluster, and how many of their addresses are in use')
    .action(printPools);
}

/** The options of each command that shows an answer of the daemon, once or again and again. */
function asks(command: Command): Command {
  return prints(command).addOption(
    new Option('-w, --watch [seconds]', 'ask again every so many seconds (2), until Ctrl-C').argParser(
      parseSeconds,
    ),
  );
}

function prints(command: Command): Command {
  return command
    .addOption(new Option('-o, --output <format>', 'how the answer is printed').choices(FORMATS))
    .addOption(new Option('--json', 'the same as --output json').conflicts('output'))
    .option('--admin-socket <path>', 'socket of the daemon', defaultAdminSocket());
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds >= 0.1 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('Give seconds, from 0.1 to 86400.');
}

function defaultAdminSocket(): string {
  return configSchema.parse({}).adminSocket;
}
