/** `xnet export`: the networks of the cluster as a document, or as the commands that create them anew. */
import type { ExportedNetwork } from '../../admin/answers.js';
import { printable } from '../../observability/layout.js';
import { shellWord } from '../../shell-word.js';
import { type Asked, ask } from '../ask/ask.js';
import { formatAnswer } from '../output/output.js';
import { NOT_CURRENT } from '../output/print-answer.js';

interface ExportOptions extends Asked {
  readonly output: 'json' | 'yaml';
  readonly commands?: boolean;
}

/** Without what changes by itself: two exports of the same networks are the same text. */
export async function printExport({ output, commands, ...asked }: ExportOptions): Promise<void> {
  const { answer, note } = await ask(asked, 'export', {});
  const text = commands
    ? answer.networks.map((network) => `${createCommand(network)}\n`).join('')
    : await formatAnswer({ networks: answer.networks }, output, () => '');
  process.stdout.write(text);
  for (const { network, reason } of answer.leftOut)
    process.stderr.write(`${printable(network)} is left out: ${printable(reason)}\n`);
  const old = note ?? (answer.asOf === 'last known' ? NOT_CURRENT : '');
  process.stderr.write(old);
  process.exitCode = note === undefined ? 0 : 1;
}

/** The `docker network create` that makes the network, for a shell. Pure. */
export function createCommand({ name, internal, attachable, ipv4, ipv6, ...rest }: ExportedNetwork): string {
  const { labels, options, ipam } = rest;
  const words = [
    ...['docker', 'network', 'create', '--driver', 'xnet'],
    ...(ipam.driver === 'default' ? [] : ['--ipam-driver', ipam.driver]),
    ...pairs('--ipam-opt', ipam.options),
    ...ipam.subnets.flatMap(({ subnet, range, gateway, auxiliary = {} }) => [
      ...(subnet === undefined ? [] : ['--subnet', subnet]),
      ...(range === undefined ? [] : ['--ip-range', range]),
      ...(gateway === undefined ? [] : ['--gateway', gateway]),
      ...pairs('--aux-address', auxiliary),
    ]),
    ...(ipv4 ? [] : ['--ipv4=false']),
    ...(ipv6 ? ['--ipv6'] : []),
    ...(internal ? ['--internal'] : []),
    ...(attachable ? ['--attachable'] : []),
    ...pairs('--opt', options),
    ...pairs('--label', labels),
    name,
  ];
  return words.map(shellWord).join(' ');
}

function pairs(flag: string, values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([key, value]) => [flag, `${key}=${value}`]);
}
