import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../programs/command.js';
import { childrenOf, isAlive } from '../programs/processes.js';
import { bareEnvironment, willMakeNamespace } from '../runs/made.js';
import { eventually } from '../time/eventually.js';
import { type Answer, post } from './plugin-client.js';

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A built `xnet serve`, keeper and daemon, in a network namespace of its own, with an underlay interface and the embedded store. */
export class TestDaemon implements AsyncDisposable {
  private constructor(
    readonly namespace: string,
    readonly directory: string,
    private readonly holder: ChildProcess,
    private keeper: ChildProcess,
    private readonly logPath: string,
    private readonly program: string,
    private readonly environment: NodeJS.ProcessEnv,
  ) {}

  /**
   * `args` come after (and so before in rank) those that keep the daemon within its directory. `program`: of another
   * xnet than this checkout's.
   */
  static async start(
    args: readonly string[] = [],
    environment: NodeJS.ProcessEnv = {},
    underlay: (namespace: string) => Promise<void> = makeUnderlay,
    program = 'bin/xnet',
  ): Promise<TestDaemon> {
    const namespace = `xnet-test-${randomBytes(4).toString('hex')}`;
    const directory = await mkdtemp(join(tmpdir(), 'xnet-daemon-'));
    willMakeNamespace(namespace);
    await run(['ip', 'netns', 'add', namespace]);
    await underlay(namespace);
    const logPath = join(directory, 'log');
    await writeFile(logPath, '');
    const holder = await holdMounts(namespace);
    const keeper = spawnKeeper(program, holder, directory, logPath, args, environment);
    const daemon = new TestDaemon(namespace, directory, holder, keeper, logPath, program, environment);
    await daemon.waitForSocket();
    return daemon;
  }

  get socket(): string {
    return join(this.directory, 'xnet.sock');
  }

  get adminSocket(): string {
    return join(this.directory, 'admin.sock');
  }

  get keeperPid(): number {
    return this.keeper.pid as number;
  }

  /** Of the daemon that runs now; undefined between two. */
  get daemonPid(): number | undefined {
    return childrenOf(this.keeperPid)[0];
  }

  call(method: string, body?: string | Buffer | object, headers?: Record<string, string>): Promise<Answer> {
    return post(this.socket, method, body, headers);
  }

  /** What a call answers that must succeed. */
  async ok(method: string, body: object): Promise<Record<string, unknown>> {
    const { status, json } = await this.call(method, body);
    const failure = json.Err ?? json.Error;
    if (status !== 200 || failure !== undefined) throw new Error(`${method}: ${status} ${failure}`);
    return json;
  }

  async log(): Promise<LogLine[]> {
    const lines = (await readFile(this.logPath, 'utf8')).split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line));
  }

  /** What is no record of the log: how daemons ended, and what they wrote when they could not log. */
  async outcries(): Promise<string[]> {
    const lines = (await readFile(this.logPath, 'utf8')).split('\n');
    return lines.filter((line) => line !== '' && !line.startsWith('{'));
  }

  /** Runs a command where the daemon lives: in its network and mount namespaces. */
  in(...command: string[]): string {
    return execFileSync('nsenter', [...enter(this.holder), ...command]).toString();
  }

  /** The same without blocking this process. */
  run(...command: string[]): Promise<string> {
    return run(['nsenter', ...enter(this.holder), ...command]);
  }

  /** The path, on this machine, of a network namespace that is made there. */
  namespacePath(name: string): string {
    return `/proc/${this.holder.pid}/root/run/netns/${name}`;
  }

  /** Names of the network namespaces that the daemon has made. */
  namespaces(): string[] {
    return this.in('ls', '/run/netns').split('\n').filter(Boolean);
  }

  /** Whether its keeper runs. */
  get running(): boolean {
    return this.keeper.exitCode === null && this.keeper.signalCode === null;
  }

  /** Tells the keeper to stop or, with SIGHUP, to put a new daemon in the place of the one that runs. */
  signal(signal: 'SIGTERM' | 'SIGHUP'): void {
    this.keeper.kill(signal);
  }

  /** What Ctrl-C at a terminal does: SIGINT to keeper and daemon. */
  interrupt(): void {
    process.kill(-this.keeperPid, 'SIGINT');
  }

  /** Kills the daemon alone; the keeper starts it again. */
  crash(): void {
    const pid = this.daemonPid;
    if (pid === undefined) throw new Error('no daemon runs');
    process.kill(pid, 'SIGKILL');
  }

  /** Kills the keeper alone and waits for its end. */
  async killKeeper(): Promise<void> {
    this.keeper.kill('SIGKILL');
    await this.exited();
  }

  /** Kills keeper and daemon in the same moment, and waits for their end. */
  async kill(): Promise<void> {
    const pids = [this.keeperPid, ...childrenOf(this.keeperPid)];
    killGroup(this.keeperPid);
    await eventually(() => expectGone(pids));
  }

  /** Stops it and tells its exit code. */
  async stop(): Promise<number | null> {
    if (this.running) this.signal('SIGTERM');
    return this.exited();
  }

  /** Resolves with the keeper's exit code. */
  async exited(): Promise<number | null> {
    if (this.running) await new Promise((resolve) => this.keeper.once('exit', resolve));
    return this.keeper.exitCode;
  }

  /** Standard output and exit code of `xnet status`. */
  status(...args: string[]): { text: string; code: number | null } {
    const command = ['bin/xnet', 'status', '--admin-socket', this.adminSocket, ...args];
    const { stdout, status } = spawnSync(process.execPath, command, { encoding: 'utf8' });
    return { text: stdout, code: status };
  }

  /** Standard output of an `xnet` command that asks this daemon; rejects with what it says on standard error. */
  xnet(...args: string[]): Promise<string> {
    return run([process.execPath, 'bin/xnet', ...args, '--admin-socket', this.adminSocket]);
  }

  async restart(args: readonly string[] = []): Promise<void> {
    await this.stop();
    const { program, holder, directory, logPath, environment } = this;
    this.keeper = spawnKeeper(program, holder, directory, logPath, args, environment);
    await this.waitForSocket();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.holder.kill('SIGKILL');
    await run(['ip', 'netns', 'del', this.namespace]);
    await rm(this.directory, { recursive: true });
  }

  private async waitForSocket(): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      if (!this.running)
        throw new Error(
          `xnet serve ended with ${this.keeper.exitCode}: ${await readFile(this.logPath, 'utf8')}`,
        );
      const answer = await this.call('Plugin.Activate').catch(() => undefined);
      if (answer?.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`xnet serve does not listen: ${await readFile(this.logPath, 'utf8')}`);
  }
}

async function makeUnderlay(namespace: string): Promise<void> {
  for (const line of [
    'link set lo up',
    'link add eth0 type veth peer name peer0',
    'link set eth0 up',
    'link set peer0 up',
    'address add 198.18.250.1/24 dev eth0',
    'route add default via 198.18.250.254',
  ]) {
    await run(['ip', '-n', namespace, ...line.split(' ')]);
  }
}

/**
 * A process that keeps a mount namespace with a /run/netns of its own: daemons of other tests are other hosts. This machine's
 * nameserver is none of theirs.
 */
async function holdMounts(namespace: string): Promise<ChildProcess> {
  const script =
    'mount -t tmpfs xnet-test /run/netns && mount --bind /dev/null /etc/resolv.conf && echo ready && exec sleep 1h';
  const holder = spawn('nsenter', [
    `--net=/run/netns/${namespace}`,
    'unshare',
    '--mount',
    '/bin/sh',
    '-c',
    script,
  ]);
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  return holder;
}

function enter(holder: ChildProcess): string[] {
  return ['-t', `${holder.pid}`, '-m', '-n', `--wd=${process.cwd()}`];
}

/** Also a daemon that has outlived its keeper. */
function killGroup(id: number): void {
  try {
    process.kill(-id, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function expectGone(pids: readonly number[]): void {
  const left = pids.filter(isAlive);
  if (left.length > 0) throw new Error(`still alive: ${left}`);
}

function spawnKeeper(
  program: string,
  holder: ChildProcess,
  directory: string,
  logPath: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): ChildProcess {
  const own = ['--socket', `${directory}/xnet.sock`, '--admin-socket', `${directory}/admin.sock`];
  const fixed = ['serve', '--log-format', 'json', '--state-dir', `${directory}/state`, ...own];
  const log = openSync(logPath, 'a');
  const keeper = spawn('nsenter', [...enter(holder), process.execPath, program, ...fixed, ...args], {
    env: { ...bareEnvironment(), ...environment },
    stdio: ['ignore', log, log],
    // A process group of its own, for `kill`.
    detached: true,
  });
  closeSync(log);
  return keeper;
}
