import type { EventItem } from '../admin/answers.js';
import { XnetError } from '../errors.js';
import { quoted } from '../inet/quoted.js';
import { printable, shortName } from '../observability/layout.js';
import type { AskOptions } from './admin-commands.js';
import { askDaemon, followDaemon } from './ask-daemon.js';
import { type Column, formatAnswer, screenOf, table } from './output.js';

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

/** `xnet events`: what has happened since then, and with `--follow` what happens from now on, until Ctrl-C. */
export async function printEvents({ all = false, follow, since, ...options }: EventsOptions): Promise<void> {
  if (since !== undefined || !follow)
    await printPast(parseSince(since ?? DEFAULT_SINCE, Date.now()), all, options);
  if (follow) await printComing(all, options);
}

async function printPast(since: string, isAll: boolean, options: AskOptions): Promise<void> {
  const { adminSocket, json, output = json ? 'json' : 'table' } = options;
  const answer = await askDaemon(adminSocket, 'events', { since, all: isAll ? 'true' : 'false' });
  const screen = screenOf(process.stdout);
  process.stdout.write(await formatAnswer(answer, output, ({ items }) => table(items, EVENTS, screen)));
  for (const { host, refusal } of answer.refusals) process.stderr.write(`${host}: ${refusal}\n`);
}

async function printComing(isAll: boolean, { adminSocket, json, output }: AskOptions): Promise<void> {
  const stop = new AbortController();
  const path = `/v1/events/follow?all=${isAll}`;
  for await (const item of followDaemon(adminSocket, path, stop.signal)) {
    const event = item as EventItem;
    const line = EVENTS.map(([, cell]) => printable(`${cell(event) ?? '-'}`)).join('  ');
    process.stdout.write(json || output === 'json' ? `${JSON.stringify(event)}\n` : `${line}\n`);
  }
}

/** ISO 8601, or how long ago: `90s`, `10m`, `2h`, `1d`. Throws INVALID. */
export function parseSince(text: string, nowMs: number): string {
  const [, number, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ago = number === undefined ? undefined : nowMs - Number(number) * (UNIT_MS[unit] ?? 0);
  const time = new Date(ago ?? text);
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  throw new XnetError(
    'INVALID',
    `--since ${quoted(text)} is no time; give 10m, 2h, 1d, or 2026-01-31T12:00:00Z`,
  );
}
