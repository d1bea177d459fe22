/** `xnet egress log`: what a container was refused outside. */
import type { Command } from 'commander';
import type { RefusedItem } from '../../admin/diagnosis-answers.js';
import type { Answer } from '../../admin/operations.js';
import { printable, shortName } from '../../observability/layout.js';
import { asks } from '../options.js';
import { type Column, type Screen, table } from '../output/output.js';
import { type AskOptions, printAnswer } from '../output/print-answer.js';

const REFUSED: readonly Column<RefusedItem>[] = [
  ['LAST', ({ at }) => at.replace(/\.\d+/, '')],
  ['COUNT', ({ count }) => count],
  [
    'REFUSED',
    ({ target, protocol, port }) => [target, protocol, port].filter((each) => each !== undefined).join(' '),
  ],
  ['WHY', ({ kind, why }) => (kind === 'name' ? why : 'not let through')],
];

export function addEgress(program: Command): void {
  const egress = program
    .command('egress')
    .description('show what containers in networks with xnet.egress=deny were refused outside');
  asks(egress.command('log <container>'))
    .description(
      'list the names and packets that a container of this host (name or id) was refused outside, the latest last',
    )
    .action((container: string, options: AskOptions) =>
      printAnswer('egressLog', { container }, options, { asTable: egressText }),
    );
}

/** What it may reach, and a line for each name, and each address with port, that it was refused. */
export function egressText({ container, allow, items }: Answer<'egressLog'>, screen?: Screen): string {
  const may = allow === undefined || allow === '' ? 'nothing' : printable(allow);
  const head = `${shortName(container)} may reach outside: ${may}\n`;
  return head + (items.length === 0 ? 'nothing was refused\n' : table(items, REFUSED, screen));
}
