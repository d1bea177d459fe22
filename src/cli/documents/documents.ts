/** Commands whose answer is kept elsewhere: `xnet export` in a repository, `xnet bundle` with who looks for a fault. */
import { type Command, Option } from 'commander';
import type { Answer, OperationName, Parameters } from '../../admin/operations.js';
import { type Asked, asker } from '../ask/ask.js';
import { printExport } from './export.js';

/** Writes the archive and resolves to its path; asks by what it is given. */
export type WriteBundle = (
  ask: <N extends OperationName>(name: N, parameters: Parameters<N>) => Promise<Answer<N>>,
  path: string | undefined,
) => Promise<string>;

export function addDocuments(program: Command, adminSocket: string, writeBundle: WriteBundle): void {
  const socket = ['--admin-socket <path>', 'socket of the daemon', adminSocket] as const;
  program
    .command('export')
    .description('print the networks of the cluster as a document, or as the commands that create them anew')
    .addOption(
      new Option('-o, --output <format>', 'form of the document').choices(['yaml', 'json']).default('yaml'),
    )
    .addOption(
      new Option('--commands', 'print the commands (docker network create) instead').conflicts('output'),
    )
    .option(...socket)
    .action(printExport);
  program
    .command('bundle')
    .description('write an archive with what a maintainer needs to find a fault, and no secrets')
    .option('-w, --write <file>', 'where to; default: xnet-bundle-HOST-TIME.tar.gz')
    .option(...socket)
    .action(async ({ write, ...asked }: Asked & { readonly write?: string }) => {
      const ask = asker(asked);
      const answerOf = async <N extends OperationName>(name: N, parameters: Parameters<N>) =>
        (await ask(name, parameters)).answer;
      const path = await writeBundle(answerOf, write);
      process.stdout.write(`${path}: read its MANIFEST before you send it\n`);
    });
}
