/** Rules as `iptables-save` and its like print them, and the command that takes one of them away. */
import { readFile } from 'node:fs/promises';
import { isXnetError, XnetError } from '../../errors.js';
import { shellWord } from '../../shell-word.js';
import { enterCommand, runProgram } from '../iproute2/program.js';

export type IptablesProgram = 'iptables-legacy' | 'ip6tables-legacy' | 'iptables-nft' | 'ip6tables-nft';

/** The tables that a network namespace has of iptables-legacy. Rules of iptables-nft are among those of nft. */
const LEGACY_TABLES: Partial<Record<IptablesProgram, string>> = {
  'iptables-legacy': '/proc/self/net/ip_tables_names',
  'ip6tables-legacy': '/proc/self/net/ip6_tables_names',
};

/**
 * What it prints of all tables that are there, as far as it came; nothing where the program is not there. It names no table (`-t`):
 * the legacy programs make the one that is named, with its hooks, in a namespace that had none. Throws UNSUPPORTED where the program
 * is not there and this process's namespace has legacy tables, which nothing else lists, and KERNEL.
 */
export async function readSaved(namespace: string | undefined, program: IptablesProgram): Promise<string> {
  const [command = '', ...args] = [...enterCommand(namespace), `${program}-save`];
  try {
    return (await runProgram(command, args)).stdout;
  } catch (error: unknown) {
    if (!isXnetError(error, 'UNSUPPORTED')) throw error;
    if (namespace === undefined) await refuseHiddenTables(program);
    return '';
  }
}

async function refuseHiddenTables(program: IptablesProgram): Promise<void> {
  const path = LEGACY_TABLES[program];
  const tables = path === undefined ? '' : await readFile(path, 'utf8').catch(() => '');
  if (tables.trim() === '') return;
  const message = `this host has tables of ${program}, and the program ${program}-save, which lists their rules, is not where xnet runs`;
  throw new XnetError('UNSUPPORTED', message);
}

/** Of a line. What has blanks, such as a comment, is one word, in double quotes. */
export function savedWords(line: string): readonly string[] {
  return line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
}

/** Command that takes away the rule of the line. Its comment, which anybody may have written, becomes no command of the shell. */
export function savedRemoval(program: string, table: string, line: string): string {
  const [, ...words] = savedWords(line);
  return [program, '-t', table, '-D', ...words.map(unquoted)].map(shellWord).join(' ');
}

/** iptables-save puts a backslash before a double quote, and before a backslash. */
function unquoted(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replace(/\\(["\\])/g, '$1') : word;
}
