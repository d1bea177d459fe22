/** A typed door to `test/lab/lab`: real Docker hosts on this machine (see test/lab/README.md). */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import type { Answer, OperationName, Parameters } from '../../../src/admin/operations.js';
import { askDaemon } from '../../../src/cli/ask/ask-daemon.js';
import { Background, type CommandOptions, run } from '../programs/command.js';
import { askEngine } from './engine.js';
import { hostEntry, hostPid } from './host-entry.js';
import { formSwarm } from './swarm-nodes.js';

const LAB = fileURLToPath(new URL('../../lab/lab', import.meta.url));

const JOURNAL = ['journalctl', '--no-pager', '-o', 'cat', '-u'];

/** Docker versions that the lab has. */
export type Engine = '28' | '26' | '20.10';

export interface LabOptions {
  /** Number of Docker hosts: h1, h2, ... */
  readonly hosts: number;
  readonly engine?: Engine;
  /** Docker versions of single hosts. */
  readonly engines?: Readonly<Record<string, Engine>>;
  /** Built checkouts whose xnet single hosts run, in place of this one's. */
  readonly sources?: Readonly<Record<string, string>>;
  /** These boot systemd, which runs their Docker 20.10; they have no xnet but one that is installed there. */
  readonly systemd?: readonly string[];
  /** Number of etcd members; 0: each host has its embedded store. */
  readonly etcd?: 0 | 1 | 3;
  /** etcd answers the requests of etcd 2, too: those of Docker 20.10 with --cluster-store. */
  readonly etcdV2?: boolean;
  /** etcd and xnet show each other certificates. */
  readonly etcdTls?: boolean;
  readonly mtu?: number;
  /** A second segment, which the hosts are on with eth1 (test/lab/README.md). */
  readonly lan?: boolean;
  /** xnet is the managed plugin `xnet:latest`, installed from the lab's registry. */
  readonly plugin?: boolean;
  /** The hosts are nodes of a swarm, and the first ones its managers. */
  readonly swarm?: { readonly managers: number };
  /** The process with which the lab ends, this one if not given. */
  readonly owner?: number | undefined;
  /** Settings of xnet on every host (XNET_*). */
  readonly settings?: Readonly<Record<string, string>>;
}

export class Lab implements AsyncDisposable {
  readonly hosts: readonly string[];

  private constructor(
    readonly name: string,
    readonly options: LabOptions,
  ) {
    this.hosts = Array.from({ length: options.hosts }, (_, index) => `h${index + 1}`);
  }

  /** Starts a lab of its own, whose name begins with `topic`. It ends with this process; one that did not come up, at once. */
  static async up(topic: string, options: LabOptions): Promise<Lab> {
    const lab = new Lab(`e2e-${topic}-${randomBytes(3).toString('hex')}`, options);
    try {
      await lab.run(['up', ...upArguments(options)], { timeoutMs: 300_000, env: { ...options.settings } });
      if (options.plugin) await lab.#installPlugin();
      if (options.swarm) await formSwarm(lab, options.swarm.managers);
    } catch (error) {
      await lab.down();
      throw error;
    }
    return lab;
  }

  async #installPlugin(): Promise<void> {
    const settings = Object.entries(this.options.settings ?? {}).map(([name, value]) => `${name}=${value}`);
    await this.run(['plugin', 'push'], { timeoutMs: 240_000 });
    await this.run(['plugin', 'install', '--', ...settings], { timeoutMs: 240_000 });
  }

  async down(): Promise<void> {
    await this.run(['down'], { timeoutMs: 120_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  /** Without TMPDIR, which the lab would remove by starting itself again. */
  get #environment() {
    return { XNET_LAB: this.name, TMPDIR: undefined };
  }

  /** Any command of the lab. */
  run(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return run([LAB, ...args], { ...options, env: { ...options.env, ...this.#environment } });
  }

  /** Those whose xnet is the lab's. */
  get hostsOfOwnXnet(): readonly string[] {
    return this.hosts.filter((host) => !this.hasSystemd(host));
  }

  private hasSystemd(host: string): boolean {
    return this.options.systemd?.includes(host) ?? false;
  }

  /** The docker command on a host: its standard output. */
  docker(host: string, ...args: string[]): Promise<string> {
    return this.in(host, 'docker', ...args);
  }

  /** Its Docker's API. `what` names the question. Throws CommandError, as the docker command would. */
  engine<T>(host: string, what: string, ask: (engine: Docker) => Promise<T>): Promise<T> {
    return askEngine(this.name, host, what, ask);
  }

  /** What its xnet answers to the command of that name, asked without the command. */
  askXnet<N extends OperationName>(
    host: string,
    name: N,
    parameters = {} as Parameters<N>,
  ): Promise<Answer<N>> {
    return askDaemon(`/proc/${hostPid(this.name, host)}/root/run/xnet/admin.sock`, name, parameters);
  }

  /** Any command on a host: its standard output. */
  in(host: string, ...command: string[]): Promise<string> {
    const entry = hostEntry(this.name, host);
    if (!entry) return this.run(['in', host, ...command]);
    return run([...entry.command, ...command], { environment: entry.environment });
  }

  /** A command on a host that goes on in the background. */
  start(host: string, ...command: string[]): Background {
    const entry = hostEntry(this.name, host);
    if (!entry)
      return new Background([LAB, 'in', host, ...command], { ...process.env, ...this.#environment });
    return new Background([...entry.command, ...command], entry.environment);
  }

  /** `kill` ends keeper and daemon, `crash` the daemon alone: the keeper starts it again. */
  xnet(
    host: string,
    action: 'start' | 'stop' | 'kill' | 'crash' | 'upgrade' | 'restart',
    ...args: string[]
  ): Promise<string> {
    return this.run(['xnet', host, action, ...args]);
  }

  dockerd(host: string, action: 'start' | 'stop' | 'kill' | 'restart', ...args: string[]): Promise<string> {
    return this.run(['dockerd', host, action, ...args]);
  }

  etcd(
    action: 'start' | 'stop' | 'kill' | 'freeze' | 'thaw' | 'ctl' | 'snapshot' | 'restore',
    ...args: string[]
  ): Promise<string> {
    return this.run(['etcd', action, ...args]);
  }

  /** The host's address on the underlay. */
  ip(host: string): Promise<string> {
    return this.run(['ip', host]);
  }

  /** What is on the LAN, or an address of it. */
  lan(action: 'plug' | 'unplug' | 'on' | 'off' | 'in' | 'ip', ...args: string[]): Promise<string> {
    return this.run(['lan', action, ...args]);
  }

  /** The lab's outside (the switch): the last address of the underlay. */
  async outside(): Promise<string> {
    return (await this.ip('h1')).replace(/\d+$/, '254');
  }

  /** Of what the services of all hosts logged: HOST.SERVICE.log. Gone with the lab. */
  get logDirectory(): string {
    return `/run/xnet-lab/${this.name}/log`;
  }

  /** Every key in the lab's etcd. */
  async etcdKeys(): Promise<string[]> {
    const keys = await this.etcd('ctl', 'get', '--prefix', '/', '--keys-only');
    return keys.split('\n').filter((line) => line !== '');
  }

  /** Every line that xnet logged as an error, on any host. */
  async xnetErrors(): Promise<string[]> {
    const logs = await Promise.all(this.hosts.map((host) => this.xnetLog(host)));
    return logs
      .join('\n')
      .split('\n')
      .filter((line) => line.includes('"level":"error"'));
  }

  /** What xnet logged on a host. */
  async xnetLog(host: string): Promise<string> {
    if (this.hasSystemd(host)) return this.in(host, ...JOURNAL, 'xnet.service');
    if (!this.options.plugin) return this.run(['logs', host, 'xnet']);
    return pluginLines(await this.dockerdLog(host));
  }

  dockerdLog(host: string): Promise<string> {
    return this.hasSystemd(host)
      ? this.in(host, ...JOURNAL, 'docker.service')
      : this.run(['logs', host, 'dockerd']);
  }

  /** The ends of the logs of xnet and dockerd (of dockerd without what is mere information). */
  async logTails(lines = 25): Promise<string> {
    const tail = async (host: string, service: 'dockerd' | 'xnet') => {
      const log = service === 'xnet' ? this.xnetLog(host) : this.dockerdLog(host);
      const text = await log.catch((error: unknown) => String(error));
      const kept = text
        .split('\n')
        .filter((line) => !line.includes('level=info') && !line.includes('loading cgroup'));
      return `--- ${service} on ${host}\n${kept.slice(-lines).join('\n')}`;
    };
    const logs = this.hosts.flatMap((host) => [tail(host, 'dockerd'), tail(host, 'xnet')]);
    return (await Promise.all(logs)).join('\n');
  }
}

/** What a managed plugin printed, out of dockerd's log. */
function pluginLines(log: string): string {
  const messages = log.matchAll(/^time=.* msg=("(?:[^"\\]|\\.)*"|\S+) plugin=/gm);
  return [...messages]
    .map(([, message = '']) => (message.startsWith('"') ? JSON.parse(message) : message))
    .join('\n');
}

function upArguments({
  hosts,
  engine,
  engines = {},
  sources = {},
  etcd,
  etcdV2,
  etcdTls,
  mtu,
  lan,
  plugin,
  systemd = [],
  owner = process.pid,
}: LabOptions): string[] {
  return [
    `${hosts}`,
    ...['--while', `${owner}`],
    ...(engine === undefined ? [] : ['--engine', engine]),
    ...Object.entries(engines).flatMap(([host, version]) => ['--engine', `${host}=${version}`]),
    ...Object.entries(sources).flatMap(([host, directory]) => ['--source', `${host}=${directory}`]),
    ...systemd.flatMap((host) => ['--systemd', host]),
    ...(etcd === undefined ? [] : ['--etcd', `${etcd}`]),
    ...(etcdV2 ? ['--etcd-v2'] : []),
    ...(etcdTls ? ['--etcd-tls'] : []),
    ...(mtu === undefined ? [] : ['--mtu', `${mtu}`]),
    ...(lan ? ['--lan'] : []),
    ...(plugin ? ['--no-xnet'] : []),
  ];
}
