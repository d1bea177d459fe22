/** Rules as `iptables-save` and its like print them. */
import { isXnetError } from '../../errors.js';
import { shellWord } from '../../shell-word.js';
import { enterCommand, runProgram } from '../iproute2/program.js';

export type IptablesProgram = 'iptables-legacy' | 'ip6tables-legacy' | 'iptables-nft' | 'ip6tables-nft';

/**
 * What it prints of all tables that are there, as far as it came; nothing where the program is not there. It names no table (`-t`):
 * the legacy programs make the one that is named, with its hooks, in a namespace that had none.
 */
export async function readSaved(namespace: string | undefined, program: IptablesProgram): Promise<string> {
  const [command = '', ...args] = [...enterCommand(namespace), `${program}-save`];
  try {
    return (await runProgram(command, args)).stdout;
  } catch (error: unknown) {
    if (isXnetError(error, 'UNSUPPORTED')) return '';
    throw error;
  }
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
