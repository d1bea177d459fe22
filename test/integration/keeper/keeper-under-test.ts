import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bareEnvironment } from '../../support/runs/made.js';
import { eventually } from '../../support/time/eventually.js';

export interface KeptDaemonOptions {
  /** How many datagram sockets it answers on. */
  readonly udp?: number;
  /** Whether it goes on when it is told to stop. */
  readonly stubborn?: boolean;
  /** What it ends with. */
  readonly exitCode?: number;
  /** The keeper opens the plugin's socket before it starts the daemon. */
  readonly listensFirst?: boolean;
  readonly keeper?: { readonly stopTimeoutMs?: number };
}

export interface KeeperStart {
  readonly sources: string;
  readonly options?: KeptDaemonOptions;
  /** Files that daemon-worker.mjs looks for: `wrong`, `broken`, `late`, `crash`. */
  readonly flags?: readonly string[];
  /** Put before the program: `unshare --pid --fork`, `systemd-socket-activate ...`. */
  readonly under?: (directory: string) => readonly string[];
}

/**
 * For `under`: systemd-socket-activate listens, and starts the keeper at the first connection. Of its environment it passes on
 * only the variables named with -E.
 */
export const socketActivated = (directory: string) => [
  ...['systemd-socket-activate', '-E', 'TMPDIR', '-l', `${directory}/plugin.sock`],
];

/** A real keeper (keeper-worker.mjs) with its daemon (daemon-worker.mjs), in a directory of their own. */
export class KeeperUnderTest implements AsyncDisposable {
  readonly exited: Promise<number | null>;
  stderr = '';

  private constructor(
    readonly directory: string,
    readonly process: ChildProcess,
  ) {
    this.exited = new Promise((resolve) => process.once('exit', resolve));
    process.stderr?.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
  }

  static async start({ sources, options = {}, flags = [], under }: KeeperStart): Promise<KeeperUnderTest> {
    const directory = await mkdtemp(join(tmpdir(), 'xnet-keeper-'));
    await writeFile(join(directory, 'events'), '');
    for (const flag of flags) await writeFile(join(directory, flag), '');
    const worker = 'test/integration/keeper/keeper-worker.mjs';
    const words = [process.execPath, worker, sources, directory, JSON.stringify(options)];
    const [program, ...args] = [...(under?.(directory) ?? []), ...words];
    const child = spawn(program as string, args, {
      stdio: ['ignore', 'inherit', 'pipe'],
      env: bareEnvironment(),
    });
    return new KeeperUnderTest(directory, child);
  }

  static async ready(start: KeeperStart): Promise<KeeperUnderTest> {
    const keeper = await KeeperUnderTest.start(start);
    await keeper.waitForDaemons(1);
    return keeper;
  }

  get pid(): number {
    return this.process.pid as number;
  }

  get socket(): string {
    return join(this.directory, 'plugin.sock');
  }

  /** What the daemons have said, oldest first: event and process id. */
  events(): { readonly event: string; readonly pid: number }[] {
    const lines = readFileSync(join(this.directory, 'events'), 'utf8').split('\n').filter(Boolean);
    return lines.map((line) => {
      const cut = line.lastIndexOf(' ');
      return { event: line.slice(0, cut), pid: Number(line.slice(cut + 1)) };
    });
  }

  pids(event: string): number[] {
    return this.events().flatMap((said) => (said.event === event ? [said.pid] : []));
  }

  ports(): number[] {
    return JSON.parse(readFileSync(join(this.directory, 'ports'), 'utf8'));
  }

  /** Resolves with the id of the newest daemon when `count` of them have been ready. */
  async waitForDaemons(count: number): Promise<number> {
    const enough = () => {
      const ready = this.pids('ready');
      if (ready.length < count) throw new Error(`${ready.length} of ${count} daemons: ${this.stderr}`);
    };
    await eventually(enough, 20_000, 5);
    return this.pids('ready').at(-1) as number;
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** Open descriptors of the keeper. */
  descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Ends what runs, by the ids it started. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGKILL');
      await this.exited;
    }
    for (const pid of this.pids('start').slice(-1)) killIfOurs(pid, this.directory);
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** By then the number may be another process's. */
function killIfOurs(pid: number, directory: string): void {
  try {
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(directory)) process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
