/** Real etcd members on loopback, with data directories of their own, for the tests of the store. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../programs/command.js';
import { type EtcdBinaries, findEtcd } from './etcd-binary.js';

export interface EtcdOptions {
  readonly members?: number;
  /** Paths of PEM files; clients must then show a certificate of this CA. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly extraArguments?: readonly string[];
}

const IDENTITY = ['--name', '--data-dir', '--initial-cluster', '--initial-advertise-peer-urls'];

/** One etcd process that can be killed, frozen and started again. */
export class EtcdMember {
  readonly clientPort: number;
  readonly #command: string;
  readonly #arguments: readonly string[];
  #process: ChildProcess | undefined;
  #output = '';

  constructor(clientPort: number, command: string, args: readonly string[]) {
    this.clientPort = clientPort;
    this.#command = command;
    this.#arguments = args;
  }

  /** host:port */
  get address(): string {
    return `127.0.0.1:${this.clientPort}`;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  start(): void {
    const child = spawn(this.#command, this.#arguments, { stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (text: Buffer) => {
      this.#output = `${this.#output}${text}`.slice(-4000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#process = child;
  }

  /** What `etcdctl snapshot restore` must be told to make this member's data directory. */
  get identity(): readonly string[] {
    return IDENTITY.flatMap((flag) => this.#arguments.slice(this.#arguments.indexOf(flag)).slice(0, 2));
  }

  /** Throws with what the member said when it has ended by itself. */
  check(): void {
    if (this.#process?.exitCode != null) throw new Error(`etcd ended: ${this.#output}`);
  }

  /** None of its threads runs when this returns: kill(2) does not wait for that, and one may be about to answer. */
  freeze(): void {
    const pid = this.#process?.pid;
    if (pid === undefined) return;
    process.kill(pid, 'SIGSTOP');
    while (!isStopped(pid));
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }
}

export class EtcdCluster implements AsyncDisposable {
  readonly members: readonly EtcdMember[];
  readonly #directory: string;
  readonly #ctl: { readonly command: string; readonly arguments: readonly string[] };

  constructor(members: EtcdMember[], directory: string, ctl: { command: string; arguments: string[] }) {
    this.members = members;
    this.#directory = directory;
    this.#ctl = ctl;
  }

  /** As `openStore` takes it. */
  get url(): string {
    return `etcd://${this.members.map(({ address }) => address).join(',')}`;
  }

  member(index: number): EtcdMember {
    const member = this.members[index];
    if (!member) throw new Error(`no member ${index}`);
    return member;
  }

  /** Runs etcdctl on member `index`, and returns what it prints. */
  async ctl(args: readonly string[], index = 0): Promise<string> {
    const command = [this.#ctl.command, ...this.#ctl.arguments, '--endpoints', this.member(index).address];
    return run([...command, ...args], { timeoutMs: 10_000, env: { ETCDCTL_API: '3' } });
  }

  /** Waits until the member has a leader and answers linearizable reads. */
  async ready(index = 0): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      this.member(index).check();
      try {
        await this.ctl(['--command-timeout=1s', 'get', 'ready', '--keys-only'], index);
        return;
      } catch (error: unknown) {
        if (tries > 60) throw error;
        await delay(100);
      }
    }
  }

  /** Keeps everything as it is now, in a file whose path is returned: for `restore`. */
  async backUp(): Promise<string> {
    const file = join(this.#directory, 'backup');
    await this.ctl(['snapshot', 'save', file]);
    return file;
  }

  /** Kills all members and starts them with what was there at the time of the backup. */
  async restore(file: string): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    for (const member of this.members) {
      await rm(member.identity[3] as string, { recursive: true });
      await this.ctl(['snapshot', 'restore', file, ...member.identity]);
      member.start();
    }
    await Promise.all(this.members.map((_, index) => this.ready(index)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Starts members that know each other, and waits until each of them answers. */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdCluster> {
  const binaries = await findEtcd();
  const directory = await mkdtemp(join(tmpdir(), 'xnet-etcd-'));
  const ports = await freePorts((options.members ?? 1) * 2);
  const members = ports.flatMap((clientPort, index) => {
    const peerPort = ports[index + 1];
    if (index % 2 === 1 || peerPort === undefined) return [];
    return [
      new EtcdMember(
        clientPort,
        binaries.etcd,
        memberArguments(index / 2, ports, join(directory, `${index}`), options),
      ),
    ];
  });
  const cluster = new EtcdCluster(members, directory, ctlOf(binaries, options));
  try {
    for (const member of members) member.start();
    await Promise.all(members.map((_, index) => cluster.ready(index)));
    return cluster;
  } catch (error: unknown) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

function memberArguments(member: number, ports: number[], data: string, options: EtcdOptions): string[] {
  const scheme = options.tls ? 'https' : 'http';
  const client = `${scheme}://127.0.0.1:${ports[member * 2]}`;
  const peer = `http://127.0.0.1:${ports[member * 2 + 1]}`;
  const cluster = ports.flatMap((port, index) =>
    index % 2 ? [`m${(index - 1) / 2}=http://127.0.0.1:${port}`] : [],
  );
  return [
    ...['--name', `m${member}`, '--data-dir', data, '--log-level', 'error'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', cluster.join(','), '--initial-cluster-state', 'new'],
    ...(options.tls ? tlsArguments(options.tls) : []),
    ...(options.extraArguments ?? []),
  ];
}

function tlsArguments(tls: { ca: string; cert: string; key: string }): string[] {
  return [
    ...['--cert-file', tls.cert, '--key-file', tls.key],
    ...['--client-cert-auth', '--trusted-ca-file', tls.ca],
  ];
}

function ctlOf(binaries: EtcdBinaries, { tls }: EtcdOptions): { command: string; arguments: string[] } {
  const tlsOptions = tls ? ['--cacert', tls.ca, '--cert', tls.cert, '--key', tls.key] : [];
  return { command: binaries.etcdctl, arguments: tlsOptions };
}

/** Free at this moment; all held until all are known, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      server.close();
      await once(server, 'close');
      return typeof address === 'object' && address ? address.port : 0;
    }),
  );
}

/** proc_pid_stat(5): the state follows the program's name, which is in parentheses. */
function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
    return /^[TZ]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  });
}
