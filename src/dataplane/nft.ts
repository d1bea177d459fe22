/** The one door to `nft`: a whole ruleset change by stdin, applied by the kernel in one transaction. */
import { XnetError } from '../errors.js';
import { startProgram } from './program.js';

/**
 * Applies `lines` as one transaction in `namespace` (a name, or the path of one; undefined: the process's own).
 * Throws KERNEL with nft's words, UNSUPPORTED when nft or the kernel's nf_tables is missing; nothing is applied then.
 */
export async function applyNft(namespace: string | undefined, lines: readonly string[]): Promise<void> {
  const enter = namespace === undefined ? [] : enterCommand(namespace);
  const [program = 'nft', ...args] = [...enter, 'nft', '-f', '-'];
  const started = startProgram(program, args);
  const { exitCode, stderr } = await started.finish(`${lines.join('\n')}\n`);
  if (exitCode === 0) return;
  const words = stderr.trim().split('\n')[0] ?? '';
  const missing =
    /Operation not supported|cache initialization failed|Protocol not supported|(exec of|failed to execute) "?nft/;
  throw new XnetError(
    missing.test(words) ? 'UNSUPPORTED' : 'KERNEL',
    `"${started.command}" failed: ${words}`,
    { command: started.command, kernel: stderr.trim() },
  );
}

function enterCommand(namespace: string): string[] {
  return namespace.startsWith('/') ? ['nsenter', `--net=${namespace}`] : ['ip', 'netns', 'exec', namespace];
}
