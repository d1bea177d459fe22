import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { XnetError } from '../../errors.js';
import { quoted } from '../../inet/quoted.js';

const TIMEOUT_MS = 10_000;

/**
 * The program of a filter in tcpdump's language (pcap-filter(7)), for Ethernet: `CODE JT JF K` of each instruction, with commas
 * between. tcpdump compiles it, and names in it are looked up on this host. Throws INVALID with tcpdump's own words, NOT_FOUND
 * where there is no tcpdump.
 */
export async function compileFilter(expression: string): Promise<string> {
  // Behind `--`, so that what begins with a dash is no option.
  const words = ['-y', 'EN10MB', '-ddd', '--', expression];
  const { stdout } = await promisify(execFile)('tcpdump', words, { timeout: TIMEOUT_MS }).catch((error) => {
    throw refusal(expression, error);
  });
  // The first line is the number of the others.
  return stdout.trim().split('\n').slice(1).join(',');
}

function refusal(expression: string, error: NodeJS.ErrnoException & { stderr?: string }): XnetError {
  if (error.code === 'ENOENT')
    return new XnetError(
      'NOT_FOUND',
      'tcpdump, which compiles --filter, is not on this host; install it (apt install tcpdump), or leave --filter out',
    );
  const words = error.stderr?.replace(/^tcpdump: /, '').trim() || error.message;
  return new XnetError(
    'INVALID',
    `--filter ${quoted(expression)}: ${words}; man pcap-filter has the language`,
  );
}
