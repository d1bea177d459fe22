import type { Command } from 'commander';
import { formatStatus } from '../../server/status-text.js';
import { asks } from '../options.js';
import { type AskOptions, printAnswer } from '../output/print-answer.js';

const STATUS_EXIT_CODES = `
Exit code:
  0  no problem
  1  problems, on the lines PROBLEM: of this host, of others that are alive, and others that are silent;
     or no daemon answers: then it says what this host knows without it
  2  a wrong option`;

export function addStatus(program: Command): void {
  asks(program.command('status'))
    .description('show this host, its store, networks, endpoints and peers')
    .addHelpText('after', STATUS_EXIT_CODES)
    .action(printStatus);
}

/** `xnet status`: one look at what works and what does not. */
const printStatus = (options: AskOptions) =>
  printAnswer('status', {}, options, {
    asTable: formatStatus,
    isBad: ({ problems }) => problems.length > 0,
  });
