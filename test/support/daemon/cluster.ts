/**
 * Hosts without Docker: each a built `xnet serve` in namespaces of its own, on one wire with a real etcd. The tests call
 * the plugin as Docker does, and containers are network namespaces that get their interface as libnetwork gives it.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Netns } from '../kernel/netns.js';
import { EtcdMember } from '../store/etcd.js';
import { findEtcd } from '../store/etcd-binary.js';
import { eventually } from '../time/eventually.js';
import { TestDaemon } from './daemon.js';

const hostAddress = (number: number) => `198.18.250.${number}`;
const ETCD = '198.18.250.254';
/** Given, since a bridge otherwise takes the lowest of its ports': a port that is added then leaves hosts with a stale neighbour. */
const WIRE_MAC = '02:00:00:00:00:fe';
const STORE = ['--store', `etcd://${ETCD}:2379`];

export interface ClusterOptions {
  /**
   * xnet and etcd run before all else on this machine: so times that are theirs can be measured while others load it.
   */
  readonly first?: boolean;
  /** More arguments of `xnet serve`. */
  readonly args?: readonly string[];
  /** Of another xnet than this checkout's. */
  readonly program?: string;
}

/** Of util-linux: a real-time priority, which what a process starts has too. */
const FIRST = ['chrt', '-r'];

export class Cluster implements AsyncDisposable {
  readonly hosts: ClusterHost[] = [];
  #undo: (() => Promise<unknown>)[] = [];
  #etcdctl = '';
  #user: readonly string[] = [];
  #member: EtcdMember | undefined;

  private constructor(
    private readonly wire: Netns,
    private readonly options: ClusterOptions,
  ) {}

  static async start(hosts: number, options: ClusterOptions = {}): Promise<Cluster> {
    const wire = await Netns.create('wire');
    const cluster = new Cluster(wire, options);
    cluster.#undo.push(() => wire[Symbol.asyncDispose]());
    try {
      await wire.ip(`link add wire address ${WIRE_MAC} type bridge mcast_snooping 0`);
      await wire.ip(`addr add ${ETCD}/24 dev wire`);
      await wire.ip('link set wire up');
      await cluster.#startEtcd();
      for (let number = 1; number <= hosts; number += 1) await cluster.#addHost(number);
      return cluster;
    } catch (error: unknown) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  host(number: number): ClusterHost {
    const host = this.hosts[number - 1];
    if (!host) throw new Error(`no host ${number}`);
    return host;
  }

  /** etcd wants a user from here on; `commands`: of etcdctl, which make the users. The cluster's own is `root`. */
  async enableUsers(commands: readonly (readonly string[])[]): Promise<void> {
    for (const command of [['user', 'add', 'root:root'], ...commands, ['auth', 'enable']])
      await this.#ctl(...command);
    this.#user = ['--user', 'root:root'];
  }

  /** Runs etcdctl as a user (NAME:PASSWORD); rejects with its words. */
  ctlAs(user: string, ...args: string[]): Promise<string> {
    return this.wire.exec(
      'env',
      'ETCDCTL_API=3',
      this.#etcdctl,
      '--endpoints',
      `${ETCD}:2379`,
      '--user',
      user,
      ...args,
    );
  }

  /** What the store has under `prefix`, by key. */
  async entries(prefix: string): Promise<Map<string, string>> {
    const { kvs = [] } = JSON.parse(await this.#ctl('get', '--prefix', `/xnet/${prefix}`, '-w', 'json')) as {
      kvs?: { key: string; value: string }[];
    };
    const text = (base64: string) => Buffer.from(base64, 'base64').toString();
    return new Map(kvs.map(({ key, value }) => [text(key).slice('/xnet/'.length), text(value)]));
  }

  /** It does not answer from here on. */
  async stopStore(): Promise<void> {
    await this.#member?.kill();
  }

  async startStore(): Promise<void> {
    this.#member?.start();
    await eventually(() => this.#ctl('--command-timeout=1s', 'get', 'ready'));
  }

  async put(key: string, value: string): Promise<void> {
    await this.#ctl('put', `/xnet/${key}`, value);
  }

  async remove(key: string): Promise<void> {
    await this.#ctl('del', `/xnet/${key}`);
  }

  /** Of `xnet serve`. */
  get args(): readonly string[] {
    return STORE;
  }

  /** The store's records under `prefix`. */
  async records(prefix: string): Promise<Record<string, unknown>[]> {
    return [...(await this.entries(prefix)).values()].map((value) => JSON.parse(value));
  }

  async #startEtcd(): Promise<void> {
    const { etcd, etcdctl } = await findEtcd();
    this.#etcdctl = etcdctl;
    const directory = await mkdtemp(join(tmpdir(), 'xnet-etcd-'));
    this.#undo.push(() => rm(directory, { recursive: true }));
    const url = `http://${ETCD}:2379`;
    const [program = '', ...args] = [...(this.options.first ? [...FIRST, '1'] : []), 'ip'];
    const member = new EtcdMember(2379, program, [
      ...[...args, 'netns', 'exec', this.wire.name, etcd, '--data-dir', directory, '--log-level', 'error'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ]);
    member.start();
    this.#member = member;
    this.#undo.push(() => member.kill());
    await eventually(() => this.#ctl('--command-timeout=1s', 'get', 'ready'));
  }

  #ctl(...args: string[]): Promise<string> {
    return this.wire.exec(
      'env',
      'ETCDCTL_API=3',
      this.#etcdctl,
      '--endpoints',
      `${ETCD}:2379`,
      ...this.#user,
      ...args,
    );
  }

  async #addHost(number: number): Promise<void> {
    const plug = async (namespace: string) => {
      const host = Netns.of(namespace);
      await host.ip('link set lo up');
      await host.ip(`link add eth0 type veth peer name h${number} netns ${this.wire.name}`);
      await this.wire.ip(`link set h${number} master wire up`);
      await host.ip(`addr add ${hostAddress(number)}/24 dev eth0`);
      await host.ip('link set eth0 up');
      await host.ip(`route add default via ${ETCD}`);
    };
    const { args = [], program } = this.options;
    const daemon = await TestDaemon.start([...STORE, ...args], {}, plug, program);
    this.#undo.push(() => daemon[Symbol.asyncDispose]());
    if (this.options.first) {
      for (const pid of [daemon.keeperPid, daemon.daemonPid])
        await daemon.run(...FIRST, '-a', '-p', '1', `${pid}`);
    }
    this.hosts.push(new ClusterHost(daemon, hostAddress(number)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const undo of this.#undo.reverse()) await undo().catch((error: unknown) => failures.push(error));
    this.#undo = [];
    if (failures.length > 0) throw new AggregateError(failures, 'the cluster could not be taken down');
  }
}

/** One host's Docker, as xnet sees it, with one network. */
export class ClusterHost {
  /** Docker's id of the network, other than on other hosts. */
  readonly #networkId = randomBytes(32).toString('hex');
  #poolId = '';

  constructor(
    readonly daemon: TestDaemon,
    readonly vtep: string,
  ) {}

  /** Makes this host's Docker network of the cluster's network `name`. */
  async createNetwork(name: string, subnet: string): Promise<void> {
    const options = { 'xnet.name': name };
    const request = { AddressSpace: 'xnet-local', Pool: subnet, Options: options };
    const { PoolID } = await this.daemon.ok('IpamDriver.RequestPool', request);
    this.#poolId = PoolID as string;
    await this.daemon.ok('NetworkDriver.CreateNetwork', {
      NetworkID: this.#networkId,
      Options: { 'com.docker.network.generic': options },
      IPv4Data: [{ AddressSpace: 'xnet-local', Pool: subnet }],
    });
  }

  /** What `docker network rm` does. */
  async removeNetwork(): Promise<void> {
    await this.daemon.ok('IpamDriver.ReleasePool', { PoolID: this.#poolId });
    await this.daemon.ok('NetworkDriver.DeleteNetwork', { NetworkID: this.#networkId });
  }

  /** Another xnet takes over: it knows only what is in the store. */
  restart(args: readonly string[] = []): Promise<void> {
    return this.daemon.restart([...STORE, ...args]);
  }

  /** A container's namespace, without any interface. */
  async createSandbox(name: string): Promise<Sandbox> {
    const sandbox = new Sandbox(this.daemon, name);
    await sandbox.make();
    return sandbox;
  }

  /** What `docker run` does of the network. */
  attachNext(sandbox: Sandbox): Promise<Attached> {
    return this.attach(sandbox, '');
  }

  /** What `docker run --ip --mac-address` does of the network: resolves when the container's interface is up. */
  async attach(sandbox: Sandbox, address: string, MacAddress = ''): Promise<Attached> {
    const endpoint = { NetworkID: this.#networkId, EndpointID: randomBytes(32).toString('hex') };
    const request = { PoolID: this.#poolId, Address: address, Options: null };
    const { Address } = await this.daemon.ok('IpamDriver.RequestAddress', request);
    await this.daemon.ok('NetworkDriver.CreateEndpoint', { ...endpoint, Interface: { Address, MacAddress } });
    const join = { ...endpoint, SandboxKey: `/var/run/docker/netns/${sandbox.name}` };
    const { InterfaceName } = await this.daemon.ok('NetworkDriver.Join', join);
    await sandbox.take((InterfaceName as { SrcName: string }).SrcName, Address as string);
    return { endpoint, address };
  }

  /** Resolves when the kernel forwards on every port of the network's bridge. */
  async forwards(): Promise<void> {
    await eventually(async () => {
      const ports = await this.daemon.run('bridge', '-n', this.#namespace(), 'link');
      if (/ state (?!forwarding)/.test(ports)) throw new Error(`not all ports forward: ${ports}`);
    });
  }

  /** What `docker rm -f` does. */
  async detach({ endpoint, address }: Attached): Promise<void> {
    await this.daemon.ok('NetworkDriver.Leave', endpoint);
    await this.daemon.ok('NetworkDriver.DeleteEndpoint', endpoint);
    await this.daemon.ok('IpamDriver.ReleaseAddress', { PoolID: this.#poolId, Address: address });
  }

  /** What vxlan0 and br0 have of other hosts' containers, sorted: `MAC VTEP`, VTEPs, and `ADDRESS MAC`. */
  async forwarding(): Promise<{ tunnels: string[]; flooded: string[]; neighbours: string[] }> {
    const namespace = this.#namespace();
    const fdb = await this.daemon.run('bridge', '-n', namespace, 'fdb', 'show', 'dev', 'vxlan0');
    const neighbours = await this.daemon.run('ip', '-4', '-n', namespace, 'neigh', 'show', 'dev', 'br0');
    const remote = [...fdb.matchAll(/^(\S+) dst (\S+) /gm)].map(([, mac = '', vtep = '']) => ({ mac, vtep }));
    const isFlooded = ({ mac }: { mac: string }) => mac === '00:00:00:00:00:00';
    return {
      tunnels: remote
        .filter((entry) => !isFlooded(entry))
        .map(({ mac, vtep }) => `${mac} ${vtep}`)
        .sort(),
      flooded: remote
        .filter(isFlooded)
        .map(({ vtep }) => vtep)
        .sort(),
      neighbours: [...neighbours.matchAll(/^(\S+) lladdr (\S+) /gm)]
        .map(([, ip, mac]) => `${ip} ${mac}`)
        .sort(),
    };
  }

  #namespace(): string {
    return this.daemon.namespaces().find((name) => /^xnet-[0-9a-f]{12}$/.test(name)) ?? '';
  }
}

export interface Attached {
  readonly endpoint: { readonly NetworkID: string; readonly EndpointID: string };
  readonly address: string;
}

/** A network namespace on a host, gone with it. */
export class Sandbox {
  constructor(
    private readonly daemon: TestDaemon,
    readonly name: string,
  ) {}

  async make(): Promise<void> {
    await this.daemon.run('ip', 'netns', 'add', this.name);
    await this.daemon.run('ip', '-n', this.name, 'link', 'set', 'lo', 'up');
  }

  /** Lets SteadyPing ping from here; the namespace's path on this machine. */
  async allowPing(): Promise<string> {
    await this.daemon.run('ip', 'netns', 'exec', this.name, 'sysctl', '-qw', 'net.ipv4.ping_group_range=0 0');
    return this.daemon.namespacePath(this.name);
  }

  /** Moves the interface here and brings it up, as libnetwork does. */
  async take(interfaceName: string, address: string): Promise<void> {
    const lines = [`link set ${interfaceName} netns ${this.name} name eth0`];
    const inside = [`addr add ${address} dev eth0`, 'link set eth0 up'];
    const script = 'echo "$1" | ip -batch - && echo "$2" | ip -n "$3" -batch -';
    await this.daemon.run('sh', '-c', script, 'sh', lines.join('\n'), inside.join('\n'), this.name);
  }
}
