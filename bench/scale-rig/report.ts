/** What the runs have found, as JSON and as a section of Markdown. */
import { cpus, loadavg, release } from 'node:os';
import { run } from '../../test/support/programs/command.js';
import { show } from '../figures.js';
import { median } from '../statistics.js';
import type { FilledKinds } from './cluster/fill.js';
import { FIGURES, type FigureKind, type Measured, scaled } from './figures.js';
import type { RigOptions } from './options.js';

/** One daemon's. */
export interface Run {
  readonly contestant: string;
  readonly figures: Measured;
  /** Why it was not measured to the end. */
  readonly failure?: string;
}

export interface EtcdFigures {
  readonly version: string;
  readonly filled: FilledKinds;
  /** Its memory when that was written, and at the end. */
  readonly filledMb: number;
  readonly residentMb: number;
}

export interface Report {
  readonly commit: string;
  readonly date: string;
  readonly machine: string;
  readonly options: Pick<RigOptions, 'size' | 'pace' | 'rounds'>;
  readonly etcd: EtcdFigures;
  readonly runs: readonly Run[];
}

export async function makeReport(
  { size, pace, rounds }: RigOptions,
  etcd: EtcdFigures,
  runs: readonly Run[],
): Promise<Report> {
  const [cpu] = cpus();
  const load = loadavg().map((each) => each.toFixed(1));
  return {
    commit: await run(['git', 'describe', '--always', '--dirty']).catch(() => 'unknown'),
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    machine: `Linux ${release()}, Node.js ${process.version}, ${cpus().length} x ${cpu?.model ?? 'unknown'}, load ${load.join(' ')} at the end`,
    ...{ options: { size, pace, rounds }, etcd, runs },
  };
}

export function formatMarkdown(report: Report): string {
  const { size } = report.options;
  const names = [...new Set(report.runs.map(({ contestant }) => contestant))];
  const big = size.big > 0 ? `, and one network of ${size.big} endpoints` : '';
  const failures = report.runs.flatMap(({ contestant, failure }) =>
    failure === undefined ? [] : [`- ${contestant} was not measured to the end: ${failure.split('\n')[0]}`],
  );
  return `## ${size.hosts} hosts x ${size.networks} networks x ${size.endpoints} endpoints${big}

xnet ${report.commit} on ${report.date} UTC; the host is in ${size.ownNetworks} of the networks. ${report.machine}.
Medians of ${report.options.rounds} run${report.options.rounds === 1 ? '' : 's'}. ${report.options.pace.foreignPerSecond} changes a second in foreign networks.
${failures.map((each) => `${each}\n`).join('')}
| figure | ${names.join(' | ')} |${names.length > 1 ? ' ratio |' : ''}
| --- |${' --- |'.repeat(names.length > 1 ? names.length + 1 : names.length)}
${FIGURES.flatMap((figure) => rowOf(report.runs, names, figure)).join('\n')}

${formatEtcd(report.etcd)}`;
}

function rowOf(runs: readonly Run[], names: readonly string[], figure: FigureKind): string[] {
  const values = names.map((name) => medianOf(runs, name, figure));
  if (values.every((value) => value === undefined)) return [];
  const cells = values.map((value) =>
    value === undefined ? 'not reached' : `${show(value)} ${figure.unit}`.trim(),
  );
  const [own, other] = values;
  const ratio = own !== undefined && other ? show(own / other, 2) : '';
  return [`| ${[figure.what, ...cells, ...(names.length > 1 ? [ratio] : [])].join(' | ')} |`];
}

function medianOf(runs: readonly Run[], name: string, figure: FigureKind): number | undefined {
  const own = runs.filter(({ contestant }) => contestant === name);
  const samples = own.flatMap(({ figures }) => figures[figure.id] ?? []);
  return samples.length === 0 ? undefined : scaled(figure, median(samples));
}

function formatEtcd({ version, filled, filledMb, residentMb }: EtcdFigures): string {
  const rows = Object.entries(filled).map(([kind, { items, records, ms, bytes, storedBytes }]) => {
    const each = items === 0 ? '' : show(storedBytes / items, 0);
    return `| ${[kind, items, records, each, show(bytes / 1e6, 1), show(storedBytes / 1e6, 1), show(ms / 1000, 1)].join(' | ')} |`;
  });
  return `etcd ${version}, ${Math.round(filledMb)} MB resident when this was written, ${Math.round(residentMb)} MB at the end:

| kind | number | writes | bytes in etcd of each | sent, MB | in etcd, MB | written in, s |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}
