import type { Command } from 'commander';
import type { FindingItem } from '../../admin/diagnosis-answers.js';
import type { Answer } from '../../admin/operations.js';
import { printable, shortName } from '../../observability/layout.js';
import { asks } from '../options.js';
import { type Screen, style } from '../output/output.js';
import { type AskOptions, printAnswer } from '../output/print-answer.js';

const DOCTOR_EXIT_CODES = `
Exit code:
  0  no failure
  1  failures, or no daemon answers: then it looks at what it can without it
  2  a wrong option`;

export function addDoctor(program: Command): void {
  asks(program.command('doctor'))
    .description('look for what may be wrong on this host and in the cluster, each with its remedy')
    .option('--all', 'look on every host that is alive')
    .addHelpText('after', DOCTOR_EXIT_CODES)
    .action(printDoctor);
}

/** `xnet doctor`: what may be wrong, each with its remedy. */
const printDoctor = (options: AskOptions & { readonly all?: boolean }) =>
  printAnswer('doctor', options.all ? { all: 'true' } : {}, options, {
    asTable: doctorText,
    work: options.all ? 'asking all hosts' : 'looking',
    isBad: ({ hosts }) =>
      hosts.some(
        ({ refusal, findings }) =>
          refusal !== undefined || findings.some(({ verdict }) => verdict === 'failure'),
      ),
  });

/** `xnet doctor`: for each host a line for each finding, with the remedy below it. */
export function doctorText({ hosts }: Answer<'doctor'>, screen?: Screen): string {
  return hosts.map((each) => hostFindings(each, screen)).join('\n');
}

function hostFindings(
  { host, findings, refusal }: Answer<'doctor'>['hosts'][number],
  screen?: Screen,
): string {
  const width = Math.max(0, ...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, verdict, found, remedy }) => [
    `${verdictText(verdict, screen)}  ${printable(check).padEnd(width)}  ${printable(found)}`,
    ...(remedy === undefined ? [] : [`         ${' '.repeat(width)}  -> ${printable(remedy)}`]),
  ]);
  const sum =
    refusal === undefined
      ? `${shortName(host)}: ${countsOf(findings)}`
      : `${verdictText('failure', screen)}  ${shortName(host)}: ${printable(refusal)}`;
  return `${[...lines, sum].join('\n')}\n`;
}

function countsOf(findings: readonly FindingItem[]): string {
  const count = (verdict: string) => findings.filter((finding) => finding.verdict === verdict).length;
  const counted = (verdict: 'failure' | 'warning') =>
    `${count(verdict)} ${verdict}${count(verdict) === 1 ? '' : 's'}`;
  return `${counted('failure')}, ${counted('warning')}, ${count('ok')} ok`;
}

function verdictText(verdict: FindingItem['verdict'], screen?: Screen): string {
  const text = verdict.padEnd(7);
  const colours = { ok: 'green', warning: 'yellow', failure: 'red' } as const;
  return screen?.hasColors ? style(colours[verdict], text) : text;
}
