/** The lab's hosts: what is run in them, and what they logged. test/lab/README.md describes the lab. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const LAB = 'test/lab/lab';
const HOST_ENVIRONMENT = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'];
const TIMEOUT_MS = 120_000;

/** One line of xnet's log. */
export interface LogLine {
  readonly message: string;
  readonly timestamp: string;
  readonly ms?: number;
  readonly outcome?: string;
  readonly EndpointID?: string;
}

/** Runs a command of this machine and returns what it prints. Rejects with what it complained of. */
export async function run(command: readonly string[], timeoutMs = TIMEOUT_MS): Promise<string> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: timeoutMs, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout.trim());
      reject(new Error(`${command.join(' ')}: ${stderr.trim() || stdout.trim() || error.message}`));
    });
  });
}

export function lab(...args: string[]): Promise<string> {
  return run([LAB, ...args], 600_000);
}

export class Host {
  constructor(
    readonly name: string,
    readonly address: string,
    private readonly pid: string,
  ) {}

  static async find(name: string): Promise<Host> {
    return new Host(name, await lab('ip', name), await lab('pid', name));
  }

  /** Runs a command in the host, with about 3 ms of entering it. */
  run(...command: string[]): Promise<string> {
    return run([...this.#entry(), ...HOST_ENVIRONMENT, ...command]);
  }

  docker(...args: string[]): Promise<string> {
    return this.run('docker', ...args);
  }

  /** Starts a command in the host; it ends when it is killed here. */
  spawn(...command: string[]): ChildProcess {
    const [program = '', ...args] = [...this.#entry(), 'setpriv', '--pdeathsig', 'TERM', ...HOST_ENVIRONMENT];
    return spawn(program, [...args, ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  /** File of the network namespace of a container that runs, as seen from this machine. */
  async namespaceOf(container: string): Promise<string> {
    const pid = await this.docker('inspect', '-f', '{{.State.Pid}}', container);
    return `/proc/${this.pid}/root/proc/${pid}/ns/net`;
  }

  readFile(path: string): Promise<string> {
    return readFile(`/proc/${this.pid}/root${path}`, 'utf8');
  }

  listFiles(directory: string): Promise<string[]> {
    return readdir(`/proc/${this.pid}/root${directory}`);
  }

  #entry(): string[] {
    return ['nsenter', '-t', this.pid, '-m', '-u', '-i', '-n', '-p', '-C', '-r', '-w'];
  }

  /** A place in xnet's log: what is logged from now on. */
  async logEnd(): Promise<number> {
    return (await stat(this.#logFile())).size;
  }

  /** xnet's log lines since `place`. */
  async logSince(place: number): Promise<LogLine[]> {
    await using file = await open(this.#logFile());
    const { size } = await file.stat();
    const { buffer } = await file.read(Buffer.alloc(size - place), 0, size - place, place);
    return buffer.toString().split('\n').flatMap(parseLine);
  }

  /** As `logSince`, once a line with `message` is there: xnet logs a call just after it has answered. */
  async logUntil(place: number, message: string, withinMs = 2_000): Promise<LogLine[]> {
    const end = performance.now() + withinMs;
    while (performance.now() < end) {
      const lines = await this.logSince(place);
      if (lines.some((line) => line.message === message)) return lines;
      await sleep(10);
    }
    throw new Error(`${this.name}: xnet did not log "${message}" in time`);
  }

  #logFile(): string {
    return `/run/xnet-lab/${process.env.XNET_LAB}/log/${this.name}.xnet.log`;
  }
}

function parseLine(text: string): LogLine[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return []; // what Node.js itself prints, and the half line at the end
  }
}
