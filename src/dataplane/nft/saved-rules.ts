/** What the programs of iptables print of the rules that there are, and the command that takes one of them away. */
import { readFile } from 'node:fs/promises';
import { isXnetError, XnetError } from '../../errors.js';
import { shellWord } from '../../shell-word.js';
import { enterCommand, runProgram } from '../iproute2/program.js';

export type SaveProgram = 'iptables-legacy' | 'ip6tables-legacy' | 'iptables-nft' | 'ip6tables-nft';

/** The tables that a network namespace has of iptables-legacy. Rules of iptables-nft are among those of nft. */
const LEGACY_TABLES: Partial<Record<SaveProgram, string>> = {
  'iptables-legacy': '/proc/self/net/ip_tables_names',
  'ip6tables-legacy': '/proc/self/net/ip6_tables_names',
};

/**
 * What `iptables-save` and its like print, as far as they came: where the kernel has no such tables there are no rules in them.
 * Empty where the program is not there. Throws UNSUPPORTED where it is not there and this process's namespace has legacy tables,
 * which nothing else lists, and KERNEL.
 */
export async function saveRules(namespace: string | undefined, program: SaveProgram): Promise<string> {
  const name = `${program}-save`;
  const [command = name, ...args] = [...enterCommand(namespace), name];
  try {
    return (await runProgram(command, args)).stdout;
  } catch (error: unknown) {
    if (!isXnetError(error, 'UNSUPPORTED')) throw error;
    if (namespace === undefined) await refuseHiddenTables(program);
    return '';
  }
}

async function refuseHiddenTables(program: SaveProgram): Promise<void> {
  const path = LEGACY_TABLES[program];
  const tables = path === undefined ? '' : await readFile(path, 'utf8').catch(() => '');
  if (tables.trim() === '') return;
  const message = `this host has tables of ${program}, and the program ${program}-save, which lists their rules, is not where xnet runs`;
  throw new XnetError('UNSUPPORTED', message);
}

/** The command that deletes the rule of a line (`-A CHAIN ...`): comments and chains are free texts, and become words of a shell. */
export function ruleRemoval(program: string, table: string, line: string): string {
  const words = wordsOf(line).slice(1).map(unquoted);
  return [program, '-t', table, '-D', ...words].map(shellWord).join(' ');
}

export function wordsOf(line: string): readonly string[] {
  return line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
}

/** iptables-save puts words with blanks, such as comments, in double quotes, with a backslash before those in it. */
function unquoted(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replace(/\\(["\\])/g, '$1') : word;
}
