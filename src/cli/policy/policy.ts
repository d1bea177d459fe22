/** `xnet policy`: who may reach which containers. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import { errorMessage, XnetError } from '../../errors.js';
import { askDaemon } from '../ask/ask-daemon.js';
import { withProgress } from '../ask/progress.js';
import { adminSocket, asks, prints } from '../options.js';
import { table } from '../output/output.js';
import { type AskOptions, isOld, printAnswer } from '../output/print-answer.js';
import { appliedText, isContrary, POLICIES, policyText, testText } from './policy-tables.js';

const TEST_EXIT_CODES = `
Exit code:
  0  what the policies say, and what became of the packet, agree
  1  they do not; or no daemon answers
  2  a wrong option`;

export function addPolicy(program: Command): void {
  const policy = program.command('policy').description('who may reach which containers, by their labels');
  policy
    .command('apply <file>')
    .description('create or change policies by a YAML file (-: standard input), all of it or nothing')
    .addOption(adminSocket())
    .action(apply);
  asks(policy.command('ls'))
    .description('list the policies of the cluster')
    .action((options: AskOptions) =>
      printAnswer('policies', {}, options, {
        asTable: ({ items }, screen) => table(items, POLICIES, screen),
        isOld,
      }),
    );
  asks(policy.command('show <policy>'))
    .description(
      'show a policy: its rules, how often each was met on all hosts, and the containers that it selects',
    )
    .action((name: string, options: AskOptions) =>
      printAnswer('policy', { policy: name }, options, { asTable: policyText, isOld }),
    );
  policy.command('rm <policy>').description('remove a policy').addOption(adminSocket()).action(remove);
  prints(policy.command('test <container> <container> [port]'))
    .description(
      'whether the first container may reach the second one: by the policies, and by a packet that is really sent',
    )
    .addOption(new Option('--udp', 'a port of UDP, rather than of TCP'))
    .addHelpText('after', TEST_EXIT_CODES)
    .action(test);
  policy
    .command('learn <network>')
    .description(
      'print the policies that let pass the connections which begin in a network (name or id) within a time',
    )
    .option('--seconds <number>', 'how long is watched, from 1 to 3600; default: 30')
    .addOption(adminSocket())
    .action(learn);
}

async function apply(file: string, { adminSocket }: Pick<AskOptions, 'adminSocket'>): Promise<void> {
  const { parsePolicies } = await import('./policy-file.js');
  const policies = parsePolicies(await read(file), file === '-' ? 'standard input' : file);
  process.stdout.write(appliedText(await askDaemon(adminSocket, 'applyPolicies', { policies })));
}

async function read(file: string): Promise<string> {
  if (file === '-') return text(process.stdin);
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new XnetError('INVALID', `${file} cannot be read: ${errorMessage(error)}`);
  });
}

async function remove(policy: string, { adminSocket }: Pick<AskOptions, 'adminSocket'>): Promise<void> {
  await askDaemon(adminSocket, 'removePolicy', { policy });
  process.stdout.write(`policy ${policy} removed\n`);
}

function test(
  from: string,
  to: string,
  port: string | undefined,
  options: AskOptions & { readonly udp?: true },
): Promise<void> {
  const { udp } = options;
  if (udp && port === undefined) throw new XnetError('INVALID', '--udp is of a port; give the port, too');
  const wanted = { from, to, ...(port !== undefined && { port }), ...(udp && { protocol: 'udp' as const }) };
  return printAnswer('testPolicy', wanted, options, {
    asTable: testText,
    isBad: isContrary,
    work: 'sending a packet',
  });
}

async function learn(
  network: string,
  { adminSocket, seconds }: Pick<AskOptions, 'adminSocket'> & { readonly seconds?: string },
): Promise<void> {
  const { formatYaml } = await import('../output/yaml.js');
  const asked = askDaemon(adminSocket, 'learnPolicy', { network, ...(seconds !== undefined && { seconds }) });
  const { policies, unsaid, refusals, seconds: watched } = await withProgress(`watching ${network}`, asked);
  const notes = [
    `connections that began within ${watched} s; read it before you apply it`,
    ...unsaid.map((each) => `not in here, as an end has no label that names it: ${each}`),
    ...refusals.map(({ host, refusal }) => `not watched: ${host}: ${refusal}`),
  ];
  process.stdout.write(notes.map((note) => `# ${note}\n`).join(''));
  process.stdout.write(policies.map((policy) => formatYaml(policy)).join('---\n'));
}
