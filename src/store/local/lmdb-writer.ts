/**
 * One writing process per directory: a watch yields only the commits of its own process.
 *
 * The writer is noted in the database itself, in a transaction, which LMDB's lock makes exclusive between
 * processes. A writer that was killed is recognised: pid, start time and boot are together unique.
 */
import { readFileSync } from 'node:fs';
import type { Database, RootDatabase } from 'lmdb';
import { XnetError } from '../../errors.js';

interface Writer {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process, by /proc/PID/stat (man 5 proc, field 22). */
  readonly startTicks: string;
  readonly bootId: string;
}

/** Throws IN_USE, naming the pid, while another opening of `directory` (of any process) writes. */
export function claimWriter(root: RootDatabase, directory: string): () => Promise<void> {
  const writers: Database<Writer, string> = root.openDB('writer', { encoding: 'json' });
  const self = describeProcess(process.pid);
  if (self === undefined) throw new XnetError('UNSUPPORTED', 'the embedded store needs /proc');
  const holder = root.transactionSync(() => {
    const noted = writers.get('writer');
    if (noted && isRunning(noted)) return noted.pid;
    writers.putSync('writer', self);
    return undefined;
  });
  if (holder !== undefined) {
    // Within one process lmdb shares what is open, and closing would close the holder's too.
    if (holder !== process.pid) void root.close();
    throw new XnetError(
      'IN_USE',
      `the store in ${directory} is in use by process ${holder}; stop it, or give this one another state directory`,
      { directory, pid: holder },
    );
  }
  return async () => {
    await writers.remove('writer');
  };
}

function isRunning(writer: Writer): boolean {
  const now = describeProcess(writer.pid);
  return now?.startTicks === writer.startTicks && now.bootId === writer.bootId;
}

function describeProcess(pid: number): Writer | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command, field 2, is in parentheses and may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state = '', startTicks = ''] = [fields[0], fields[19]];
    // A zombie has ended; its parent (an init, after the keeper's death) may never wait for it.
    if (state === 'Z' || state === 'X') return undefined;
    return { pid, startTicks, bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() };
  } catch {
    return undefined;
  }
}
