/** `xnet ping`: packets to another host, and what their times mean. */
import type { Command } from 'commander';
import type { Answer } from '../../admin/operations.js';
import { isXnetError, XnetError } from '../../errors.js';
import { quoted } from '../../inet/quoted.js';
import { printable, shortName } from '../../observability/layout.js';
import { pairText } from '../../server/status-text.js';
import { shellWord } from '../../shell-word.js';
import { askDaemon, isNotThere } from '../ask/ask-daemon.js';
import { asks } from '../options.js';
import { type Column, type Screen, table } from '../output/output.js';
import { type AskOptions, printAnswer } from '../output/print-answer.js';

interface PingOptions extends AskOptions {
  readonly count?: string;
  readonly size?: string;
}

const PING_EXIT_CODES = `
Exit code:
  0  packets as large as those of containers pass
  1  none does, or only smaller ones; or no daemon answers
  2  a wrong option`;

type Way = Answer<'ping'>['tunnel'] & { readonly name: string };

const WAYS: readonly Column<Way>[] = [
  ['WAY', ({ name }) => name],
  ['SENT', ({ sent }) => sent],
  ['ANSWERED', ({ answered }) => answered],
  ['LOSS', ({ sent, answered }) => (sent === 0 ? undefined : `${Math.round(100 * (1 - answered / sent))}%`)],
  ['MIN', ({ minMs }) => milliseconds(minMs)],
  ['AVERAGE', ({ averageMs }) => milliseconds(averageMs)],
  ['MAX', ({ maxMs }) => milliseconds(maxMs)],
  ['LARGEST', ({ largest, needed }) => largest && `${largest} of ${needed} bytes`],
];

export function addPing(program: Command): void {
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

async function printPing(host: string, options: PingOptions): Promise<void> {
  const { count, size } = options;
  const wanted = { host, ...(count !== undefined && { count }), ...(size !== undefined && { size }) };
  try {
    await printAnswer('ping', wanted, options, { asTable: pingText, isBad });
  } catch (error: unknown) {
    if (!isXnetError(error, 'NOT_FOUND') || isNotThere(error)) throw error;
    const { items } = await askDaemon(options.adminSocket, 'endpoints', {});
    throw ofContainer(host, items) ?? error;
  }
}

/** undefined: no container of the cluster is called so either. */
function ofContainer(name: string, endpoints: Answer<'endpoints'>['items']): XnetError | undefined {
  const own = endpoints.find(({ container }) => container?.name === name);
  if (!own) return undefined;
  const isBeside = ({ network, container }: typeof own) =>
    network.id === own.network.id && container !== undefined && container.name !== name;
  const other = endpoints.find(isBeside)?.container?.name;
  const meant = other === undefined ? [name, 'outside'] : [other, name];
  const message = `${quoted(name)} is a container, and xnet ping is for hosts; did you mean: xnet trace ${meant.map(shellWord).join(' ')}`;
  return new XnetError('NOT_FOUND', message);
}

export function pingText(answer: Answer<'ping'>, screen?: Screen): string {
  const { host, vtep, from, bytes, tunnel, underlay, pair, meaning } = answer;
  const ways = [
    { name: 'tunnel', ...tunnel },
    { name: 'underlay', ...underlay },
  ];
  const head = printable(`packets of ${bytes} bytes to ${shortName(host)} (${vtep}) from ${from}`);
  const last = pair ? `${pairText(pair)}\n` : '';
  return `${head}\n\n${table(ways, WAYS, screen)}\n${printable(meaning)}\n${last}`;
}

function isBad({ tunnel: { largest, needed } }: Answer<'ping'>): boolean {
  return largest === undefined || largest < needed;
}

function milliseconds(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${ms.toFixed(2)} ms`;
}
