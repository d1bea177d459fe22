/** The report: where it was measured, with which command, and the figures as a table. */
import { cpus, loadavg, release } from 'node:os';
import type { Figure } from './figures.js';
import { run } from './lab.js';
import type { World } from './world.js';

export interface Machine {
  readonly kernel: string;
  readonly docker: string;
  readonly etcd: string;
  readonly cpus: string;
  readonly commit: string;
  readonly date: string;
}

export async function describeMachine({ h1, etcd }: World): Promise<Machine> {
  const all = cpus();
  return {
    kernel: release(),
    docker: await h1.docker('version', '-f', '{{.Server.Version}}'),
    etcd: (await etcd.run('etcd', '--version')).match(/Version: (\S+)/)?.[1] ?? 'unknown',
    cpus: `${all.length} x ${all[0]?.model ?? 'unknown'}`,
    commit: await run(['git', 'describe', '--always', '--dirty']).catch(() => 'unknown'),
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
  };
}

export function formatReport(
  machine: Machine,
  figures: readonly Figure[],
  tookMs: number,
  leftOut: World['leftOut'],
): string {
  const judged = figures.filter(({ met }) => met !== undefined);
  const rows = figures.map(
    ({ what, result, xnet, against, goal, met }) =>
      `| ${[what, result, xnet, against, goal, met === undefined ? '' : met ? 'met' : '**not met**'].join(' | ')} |`,
  );
  return `# Benchmark results

\`${process.env.BENCH_COMMAND}\` on ${machine.date} UTC, in ${Math.round(tookMs / 1000)} s; xnet ${machine.commit}.
Linux ${machine.kernel}, Docker ${machine.docker}, etcd ${machine.etcd}, ${machine.cpus}, load ${show(loadavg())} at the end.
${judged.filter(({ met }) => met).length} of ${judged.length} goals met. [README.md](README.md) says how each figure is measured.
${describeLeftOut(leftOut)}
Both hosts are on this one machine, so absolute figures say little; ratios are xnet's to the other's, taken round by
round, in alternating order. In brackets: the quartiles of the rounds.

| figure | result | xnet, or what belongs to it | against | goal | |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

function describeLeftOut(leftOut: World['leftOut']): string {
  return [...leftOut].map(([name, reason]) => `\n${name} could not be measured: ${reason}\n`).join('');
}

function show(loads: readonly number[]): string {
  return loads.map((load) => load.toFixed(1)).join(' ');
}
