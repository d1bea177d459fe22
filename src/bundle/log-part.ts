import { open } from 'node:fs/promises';
import { runProgram } from '../dataplane/iproute2/program.js';
import { XnetError } from '../errors.js';
import type { Ask, Part } from './part.js';

const LINES = 5_000;
const BYTES = 1 << 20;
const JOURNAL_MS = 5_000;
const JOURNAL = ['-u', 'xnet.service', '-n', `${LINES}`, '--no-pager', '-o', 'short-iso', '-q'];

/** The end of the daemon's log, wherever it goes: to systemd's journal, or to a file. */
export function logPart(ask: Ask): Part {
  return {
    file: 'log.txt',
    what: "the end of the daemon's log",
    read: async () => (await readJournal()) || readFile(ask),
  };
}

/** Empty where systemd does not run xnet. Never rejects. */
async function readJournal(): Promise<string> {
  const run = runProgram('journalctl', JOURNAL, '', JOURNAL_MS);
  return run.then(
    ({ exitCode, stdout }) => (exitCode === 0 ? stdout : ''),
    () => '',
  );
}

/**
 * The daemon's standard error, where that is a file: through /proc (proc(5): fd), since its path may be of another mount
 * namespace. Throws UNSUPPORTED where it is none.
 */
async function readFile(ask: Ask): Promise<string> {
  const { keeper } = await ask('status', {});
  const elsewhere =
    'it goes neither to the journal nor to a file; a managed plugin writes to the log of Docker';
  if (!keeper) throw new XnetError('UNSUPPORTED', elsewhere);
  await using file = await open(`/proc/${keeper.pid}/fd/2`, 'r');
  const found = await file.stat();
  if (!found.isFile()) throw new XnetError('UNSUPPORTED', elsewhere);
  const length = Math.min(found.size, BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, found.size - length);
  return buffer.toString('utf8', 0, bytesRead);
}
