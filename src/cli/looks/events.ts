import type { Command } from 'commander';
import type { EventItem } from '../../admin/answers.js';
import type { Answer } from '../../admin/operations.js';
import { XnetError } from '../../errors.js';
import { quoted } from '../../inet/quoted.js';
import { printable, printableJson, shortName } from '../../observability/layout.js';
import { ask } from '../ask/ask.js';
import { askDaemon, followDaemon } from '../ask/ask-daemon.js';
import { prints } from '../options.js';
import { type Column, formatAnswer, screenOf, table } from '../output/output.js';
import type { AskOptions } from '../output/print-answer.js';

interface EventsOptions extends AskOptions {
  readonly all?: boolean;
  readonly follow?: boolean;
  readonly since?: string;
}

const DEFAULT_SINCE = '1h';
const UNIT_MS: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3 };

const EVENTS: readonly Column<EventItem>[] = [
  ['TIME', ({ at }) => at.replace(/\.\d+/, '')],
  ['HOST', ({ host }) => shortName(host)],
  ['EVENT', ({ kind }) => kind],
  ['WHAT', ({ what }) => what],
];

export function addEvents(program: Command): void {
  prints(program.command('events'))
    .description('list what has happened on this host, or follow what happens')
    .option('--since <time>', 'how long ago (10m, 2h, 1d), or a time (ISO 8601); default: 1h')
    .option('-f, --follow', 'go on with what happens from now on, until Ctrl-C')
    .option('--all', 'on every host that is alive')
    .action(printEvents);
}

/** `xnet events`: what has happened since then, and with `--follow` what happens from now on, until Ctrl-C. */
async function printEvents({ all = false, follow, since, ...options }: EventsOptions): Promise<void> {
  if (!follow) return printPast(parseSince(since ?? DEFAULT_SINCE, Date.now()), all, options);
  const { adminSocket } = options;
  const coming = followDaemon(adminSocket, `/v1/events/follow?all=${all}`);
  // Asked for before the past is, so that nothing is missed in between; what comes with both is printed once.
  const first = coming.next();
  first.catch(() => undefined);
  const past = since === undefined ? [] : await askPast(parseSince(since, Date.now()), all, adminSocket);
  for (const event of past) await printEvent(event, options);
  const printed = new Set(past.map(identity));
  for (let next = await first; !next.done; next = await coming.next()) {
    const event = next.value as EventItem;
    if (!printed.delete(identity(event))) await printEvent(event, options);
  }
}

async function printPast(since: string, isAll: boolean, options: AskOptions): Promise<void> {
  const { json, output = json ? 'json' : 'table' } = options;
  const { answer, note } = await ask(options, 'events', { since, all: `${isAll}` });
  const screen = screenOf(process.stdout);
  process.stdout.write(await formatAnswer(answer, output, ({ items }) => table(items, EVENTS, screen)));
  printRefusals(answer);
  if (note === undefined) return;
  process.stderr.write(note);
  process.exitCode = 1;
}

async function askPast(since: string, isAll: boolean, adminSocket: string): Promise<readonly EventItem[]> {
  const answer = await askDaemon(adminSocket, 'events', { since, all: `${isAll}` });
  printRefusals(answer);
  return answer.items;
}

function printRefusals({ refusals }: Answer<'events'>): void {
  for (const { host, refusal } of refusals)
    process.stderr.write(`${shortName(host)}: ${printable(refusal)}\n`);
}

/** A line; in YAML an item, so that all together are a list. */
async function printEvent(event: EventItem, { json, output }: AskOptions): Promise<void> {
  const line = () => EVENTS.map(([, cell]) => printable(`${cell(event) ?? '-'}`)).join('  ');
  if (json || output === 'json') process.stdout.write(`${printableJson(event)}\n`);
  else if (output === 'yaml') process.stdout.write(await formatAnswer([event], output, line));
  else process.stdout.write(`${line()}\n`);
}

function identity({ host, at, kind, what }: EventItem): string {
  return JSON.stringify([host, at, kind, what]);
}

/** ISO 8601, or how long ago: `90s`, `10m`, `2h`, `1d`. Throws INVALID. */
export function parseSince(text: string, nowMs: number): string {
  const [, number, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ago = number === undefined ? undefined : nowMs - Number(number) * (UNIT_MS[unit] ?? 0);
  // Date would read 5 as May of 2001.
  const time = new Date(ago ?? (/^\d{4}-\d{2}-\d{2}/.test(text) ? text : Number.NaN));
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  throw new XnetError(
    'INVALID',
    `--since ${quoted(text)} is no time; give 10m, 2h, 1d, or 2026-01-31T12:00:00Z`,
  );
}
