/** `xnet ping`: packets to another host, and what their times mean. */
import type { Answer } from '../admin/operations.js';
import { printable, shortName } from '../observability/layout.js';
import { pairText } from '../server/status-text.js';
import { type AskOptions, printAnswer } from './admin-commands.js';
import { type Column, type Screen, table } from './output.js';

interface PingOptions extends AskOptions {
  readonly count?: string;
  readonly size?: string;
}

export const PING_EXIT_CODES = `
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

export const printPing = (host: string, options: PingOptions) => {
  const { count, size } = options;
  const wanted = { host, ...(count !== undefined && { count }), ...(size !== undefined && { size }) };
  return printAnswer('ping', wanted, options, { asTable: pingText, isBad });
};

export function pingText(answer: Answer<'ping'>, screen?: Screen): string {
  const { host, vtep, from, bytes, tunnel, underlay, pair, meaning } = answer;
  const ways = [
    { name: 'tunnel', ...tunnel },
    { name: 'underlay', ...underlay },
  ];
  const head = `packets of ${bytes} bytes to ${shortName(host)} (${vtep}) from ${from}`;
  const last = pair ? `${pairText(pair)}\n` : '';
  return `${head}\n\n${table(ways, WAYS, screen)}\n${printable(meaning)}\n${last}`;
}

function isBad({ tunnel: { largest, needed } }: Answer<'ping'>): boolean {
  return largest === undefined || largest < needed;
}

function milliseconds(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${ms.toFixed(2)} ms`;
}
