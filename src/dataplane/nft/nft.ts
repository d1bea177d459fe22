/** The one door to `nft`: a whole ruleset change by stdin, applied by the kernel in one transaction. */
import { z } from 'zod';
import { isXnetError, XnetError } from '../../errors.js';
import { enterCommand, runProgram } from '../iproute2/program.js';

const nftListing = z.object({ nftables: z.array(z.unknown()) });

/**
 * Applies `lines` as one transaction in `namespace` (a name, or the path of one; undefined: the process's own).
 * Throws KERNEL with nft's words, UNSUPPORTED when nft or the kernel's nf_tables is missing; nothing is applied then.
 */
export async function applyNft(namespace: string | undefined, lines: readonly string[]): Promise<void> {
  await runNft(namespace, ['-f', '-'], `${lines.join('\n')}\n`);
}

/**
 * The table as nft prints it, without counters; undefined when there is none. The text of one table is the same as long
 * as nft is. Throws like `applyNft`.
 */
export async function readNftTable(
  namespace: string | undefined,
  table: string,
): Promise<string | undefined> {
  return runNft(namespace, ['-s', 'list', 'table', ...table.split(' ')]).catch(noneIfAbsent);
}

/** The objects of the table as `nft -j` lists them; undefined when there is none. Throws like `applyNft`. */
export async function listNftTable(
  namespace: string | undefined,
  table: string,
): Promise<readonly unknown[] | undefined> {
  const words = ['-j', 'list', 'table', ...table.split(' ')];
  const text = await runNft(namespace, words).catch(noneIfAbsent);
  if (text === undefined) return undefined;
  try {
    return nftListing.parse(JSON.parse(text)).nftables;
  } catch (error: unknown) {
    const message = 'nft prints no JSON that this version of xnet can read; is nftables 0.9.7 or later?';
    throw new XnetError('UNSUPPORTED', message, {}, { cause: error });
  }
}

/** What nft prints. Throws like `applyNft`. */
export async function runNft(
  namespace: string | undefined,
  words: readonly string[],
  input?: string,
): Promise<string> {
  const [program = '', ...args] = [...enterCommand(namespace), 'nft', ...words];
  const { command, exitCode, stdout, stderr } = await runProgram(program, args, input);
  if (exitCode === 0) return stdout;
  throw refusal(command, stderr);
}

/** Something that nft was asked for, or was to change, is not there. */
export function isAbsentInNft(error: unknown): boolean {
  return (
    isXnetError(error, 'KERNEL') && /No such file|Interface does not exist/.test(String(error.fields.kernel))
  );
}

function noneIfAbsent(error: unknown): undefined {
  if (!isAbsentInNft(error)) throw error;
}

function refusal(command: string, stderr: string): XnetError {
  const words = stderr.trim().split('\n')[0] ?? '';
  const missing =
    /Operation not supported|cache initialization failed|Protocol not supported|(exec of|failed to execute) "?nft/;
  return new XnetError(missing.test(words) ? 'UNSUPPORTED' : 'KERNEL', `"${command}" failed: ${words}`, {
    command,
    kernel: stderr.trim(),
  });
}
