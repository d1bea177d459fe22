/** `xnet trace`: what is asked for, and how the answer is shown. */

import type { Command } from 'commander';
import type { HopItem } from '../../admin/diagnosis-answers.js';
import type { Answer, Parameters } from '../../admin/operations.js';
import { XnetError } from '../../errors.js';
import { quoted } from '../../inet/quoted.js';
import { formatTable, printable, shortName } from '../../observability/layout.js';
import { asks } from '../options.js';
import { type Screen, style } from '../output/output.js';
import { type AskOptions, isOld, printAnswer } from '../output/print-answer.js';

const TRACE_EXIT_CODES = `
Exit code:
  0  no fault, and nothing is unknown
  1  faults, or hops of which nothing is known; or no daemon answers
  2  a wrong option`;

export function addTrace(program: Command): void {
  asks(program.command('trace <container|host> <container|host>'))
    .description(
      'follow a packet from a container or host to another (NAME:PORT), or `outside`: each hop, and what mends it',
    )
    .option('--udp', 'send UDP to the port, not TCP')
    .option('--network <network>', 'by this network (name or id), if they have several in common')
    .addHelpText('after', TRACE_EXIT_CODES)
    .action(printTrace);
}

/** `xnet trace`: the way of a packet, hop by hop. */
const printTrace = async (
  from: string,
  to: string,
  options: AskOptions & { readonly udp?: boolean; readonly network?: string },
) => {
  const { udp: isUdp = false, network } = options;
  await printAnswer('trace', traceParameters(from, to, { isUdp, network }), options, {
    asTable: traceText,
    isOld,
    isBad: ({ hops }) => hops.some(({ verdict }) => verdict === 'fault' || verdict === 'unknown'),
  });
};

/** `db`, `db:80`, `10.64.0.3:80`, `[fd00::3]:80`. Throws INVALID for a port that is none. */
export function parseEnd(text: string): { readonly end: string; readonly port?: string } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*))(?::([^:]*))?$/s.exec(text) ?? [];
  const end = bracketed ?? plain;
  // An IPv6 address without a port.
  if (end === undefined) return { end: text };
  if (port === undefined) return { end };
  if (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)
    return { end, port: `${Number(port)}` };
  throw new XnetError('INVALID', `${quoted(port)} is not a port; give a number from 1 to 65535, as in db:80`);
}

/** Throws INVALID for `isUdp` without a port, and for a port of the first end. */
export function traceParameters(
  from: string,
  to: string,
  { isUdp, network }: { readonly isUdp: boolean; readonly network: string | undefined },
): Parameters<'trace'> {
  const first = parseEnd(from);
  if (first.port !== undefined) {
    const meant = `xnet trace ${first.end} ${to}:${first.port}`;
    throw new XnetError('INVALID', `the port is that of the second end, as in ${meant}`);
  }
  const { end, port } = parseEnd(to);
  if (isUdp && port === undefined) throw new XnetError('INVALID', `--udp needs a port, as in ${to}:53`);
  return {
    ...{ from: first.end, to: end },
    ...(port !== undefined && { port }),
    ...(isUdp && { protocol: 'udp' as const }),
    ...(network !== undefined && { network }),
  };
}

const TEXTS = { ok: 'ok', fault: 'FAULT', unknown: 'unknown', 'does not apply': '-' } as const;
const COLOURS = { ok: 'green', fault: 'red', unknown: 'yellow', 'does not apply': 'dim' } as const;

/** A line for each hop, with the remedy below it. Lines are not cut: what was found is at their ends. */
export function traceText({ hops, network, ...asked }: Answer<'trace'>, screen?: Screen): string {
  const rows = hops.map(({ verdict, host, hop, expected, found }) => [
    ...[TEXTS[verdict], shortName(host), printable(hop), printable(expected), printable(found)],
  ]);
  const [head = '', ...lines] = formatTable([['VERDICT', 'HOST', 'HOP', 'EXPECTED', 'FOUND'], ...rows]);
  const paint = (line: string, verdict: HopItem['verdict']) =>
    screen?.hasColors ? line.replace(/^\S+/, (word) => style(COLOURS[verdict], word)) : line;
  const shown = hops.flatMap(({ verdict, remedy }, index) => [
    paint(lines[index] ?? '', verdict),
    ...(remedy === undefined ? [] : [`         -> ${printable(remedy)}`]),
  ]);
  return `${[screen?.hasColors ? style('bold', head) : head, ...shown, sumOf(hops, network, asked)].join('\n')}\n`;
}

function sumOf(
  hops: readonly HopItem[],
  network: string | undefined,
  { from, to, protocol, port }: Omit<Answer<'trace'>, 'hops' | 'network'>,
): string {
  const count = (verdict: HopItem['verdict']) => hops.filter((hop) => hop.verdict === verdict).length;
  const what = `${shortName(from)} to ${shortName(to)}${port === undefined ? '' : `, ${protocol.toUpperCase()} ${port}`}`;
  const where = network === undefined ? '' : `, in ${shortName(network)}`;
  const faults = count('fault');
  return `${what}${where}: ${faults} fault${faults === 1 ? '' : 's'}, ${count('unknown')} unknown, ${count('ok')} ok`;
}
