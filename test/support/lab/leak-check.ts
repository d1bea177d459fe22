/**
 * What xnet must leave behind when all containers and networks are gone: nothing but its keeper and its daemon on each
 * host, alive and well, and the hosts' own keys in etcd.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { eventually, SETTLE_MS } from '../time/eventually.js';
import type { Lab } from './lab.js';
import { clearSwarm } from './swarm-nodes.js';

/** Docker's own: the bridge it makes with the first container, and its tables of iptables-nft. */
const DOCKERS_LINKS = ['docker0', 'docker_gwbridge'];
/** One is the swarm's ingress network's, and another after each reboot. */
const DOCKERS_VETH = /^veth[0-9a-f]{7}$/;
const DOCKERS_NETWORKS = ['bridge', 'host', 'none', 'docker_gwbridge', 'ingress'];
const DOCKERS_TABLES = /^table (ip|ip6) (filter|nat|raw|mangle)$/;
const DOCKERS_PROCESSES = /^(dockerd|containerd) ?/;

const XNET_PROCESSES = [/\/bin\/xnet serve\b/, /\/bin\/xnet daemon\b/];

const HOST_KEYS = /^\/xnet\/(hosts|host-problems|alive|vteps|put-back)\//;

/** For what was wrong on one host and is over to be over on the others, too. */
const PROBLEM_MS = 10_000;

/** The lab's way to its registry has one for each connection that a dockerd keeps open. */
const LABS_PROCESSES = /^socat TCP4-LISTEN:5000,/;

/** Of a network that another host's removal took away meanwhile. */
const GONE = /network \S+ not found|No such network|unknown network .* id /;

/** What the daemon has running beside itself; the keeper's and the daemon's number is checked. */
const XNET_MONITORS = /^(ip -d -o monitor link address neigh nsid all-nsid|nft monitor)$/;

/** A managed plugin that was installed again has another. */
const SHIMS_ID = / -id [0-9a-f]{64}/;

const NOT_OURS = [DOCKERS_PROCESSES, LABS_PROCESSES, XNET_MONITORS];

/** Printed in sections; the shell and `ps` themselves are left out by their parent. */
const SCRIPT = `
  ip -o link | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/'; echo --
  ls /run/netns 2>/dev/null; echo --
  nft list tables; nft list ruleset | grep 'xnet' | grep -v '^table'; echo --
  ps -eo pid,ppid,stat,args | awk -v me=$$ 'NR > 1 && $1 != me && $2 != me { $1 = $2 = $3 = ""; sub(/^ +/, ""); print }'`;

type Kind = 'link' | 'namespace' | 'Docker network' | 'nft' | 'process';
type HostState = Readonly<Record<Kind, readonly string[]>>;

export class LeakCheck {
  private constructor(
    private readonly lab: Lab,
    private readonly before: ReadonlyMap<string, HostState>,
  ) {}

  /** Remembers what a lab holds that has just come up. */
  static async of(lab: Lab): Promise<LeakCheck> {
    const states = await Promise.all(
      lab.hosts.map(async (host) => [host, await readHost(lab, host)] as const),
    );
    return new LeakCheck(lab, new Map(states));
  }

  /** Removes all containers and networks, and throws naming what of xnet's stays, or what xnet's trouble is. */
  async cleanAndCheck(withinMs = SETTLE_MS): Promise<void> {
    // What swarm runs it would start again.
    await clearSwarm(this.lab);
    // All containers first: the removal of a network that one still uses anywhere is undone.
    await Promise.all(this.lab.hosts.map((host) => removeContainers(this.lab, host)));
    await Promise.all(this.lab.hosts.map((host) => removeNetworksOrRecount(this.lab, host)));
    let left: string[] = [];
    const isClean = async () => {
      left = await this.#left();
      return left.length === 0;
    };
    await eventually('the hosts are clean', isClean, withinMs).catch(() => {
      throw new Error(
        `left behind ${withinMs} ms after the last container and network:\n  ${left.join('\n  ')}`,
      );
    });
    await Promise.all(this.lab.hostsOfOwnXnet.map((host) => hasNoProblem(this.lab, host)));
  }

  async #left(): Promise<string[]> {
    const hosts = this.lab.hosts.map((host) => this.#leftOn(host));
    return (await Promise.all([...hosts, leftInStore(this.lab)])).flat();
  }

  async #leftOn(host: string): Promise<string[]> {
    const now = await readHost(this.lab, host);
    const before = this.before.get(host);
    const left = (Object.keys(now) as Kind[]).flatMap((kind) =>
      without(now[kind], before?.[kind] ?? []).map((what) => `${kind} on ${host}: ${what}`),
    );
    const count = this.lab.hostsOfOwnXnet.includes(host) ? 1 : 0;
    return [...left, ...wrongXnet(now.process, count).map((what) => `processes on ${host}: ${what}`)];
  }
}

/** A host's trouble stays some seconds longer with the others. */
async function hasNoProblem(lab: Lab, host: string): Promise<void> {
  let said = '';
  const isWell = () =>
    lab.askXnet(host, 'status').then(
      ({ problems }) => {
        said = problems.join('\n');
        return problems.length === 0;
      },
      (error: Error) => {
        said = error.message;
        return false;
      },
    );
  await eventually(`${host} has no problem`, isWell, PROBLEM_MS).catch(() => {
    throw new Error(said);
  });
}

async function removeContainers(lab: Lab, host: string): Promise<void> {
  await lab.engine(host, 'rm -f of all containers', async (engine) => {
    const containers = await engine.listContainers({ all: true });
    await Promise.all(
      containers.map(({ Id }) => engine.getContainer(Id).remove({ force: true }).catch(unlessGone)),
    );
  });
}

function unlessGone(error: { readonly statusCode?: number }): void {
  if (error.statusCode !== 404) throw error;
}

/**
 * The mirror removes on every host what was removed on one: what is gone already is no failure. By ids, since Docker takes the name of
 * a network that is gone for the beginning of another's id.
 */
async function removeNetworks(lab: Lab, host: string): Promise<void> {
  await lab.engine(host, 'network rm of all networks', async (engine) => {
    for (const { Id, Name } of await engine.listNetworks())
      if (!DOCKERS_NETWORKS.includes(Name)) await removeNetwork(engine.getNetwork(Id));
  });
}

/** Docker (swarm's agent) may still be removing the network that was made from it. */
async function removeNetwork(network: Docker.Network): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const error = await network.remove().then(
      () => undefined,
      (failure: { readonly statusCode?: number; readonly message: string }) => failure,
    );
    if (!error || error.statusCode === 404 || GONE.test(error.message)) return;
    if (tries > 10 || !/configuration network .* is in use/.test(error.message)) throw error;
    await sleep(1_000);
  }
}

/**
 * Docker 20.10 may count a network's endpoints wrong when many containers end at once, and then keeps the network for
 * them, of which it knows none. It counts anew when it starts, and says that it was wrong; without its saying so the
 * endpoints were there, and the failure is ours.
 */
async function removeNetworksOrRecount(lab: Lab, host: string): Promise<void> {
  try {
    await removeNetworks(lab, host);
  } catch (error) {
    const engine = lab.options.engines?.[host] ?? lab.options.engine;
    if (engine !== '20.10' || !String(error).includes('has active endpoints')) throw error;
    await lab.dockerd(host, 'restart');
    const log = await lab.run(['logs', host, 'dockerd']);
    if (!log.includes('Fixing inconsistent endpoint_cnt')) throw error;
    await removeNetworks(lab, host);
  }
}

async function readHost(lab: Lab, host: string): Promise<HostState> {
  const [output, networks] = await Promise.all([
    lab.in(host, 'sh', '-c', SCRIPT),
    lab.engine(host, 'network ls', (engine) => engine.listNetworks()),
  ]);
  const [link = [], namespace = [], nft = [], process = []] = output
    .split(/^--$/m)
    .map((section) => section.split('\n').filter((line) => line !== ''));
  return {
    link: link
      .filter((name) => !DOCKERS_LINKS.includes(name))
      .map((name) => name.replace(DOCKERS_VETH, "a veth of Docker's")),
    namespace,
    'Docker network': networks.map(({ Name }) => Name).filter((name) => !DOCKERS_NETWORKS.includes(name)),
    nft: nft.filter((line) => !DOCKERS_TABLES.test(line)),
    process: process
      .filter((line) => !NOT_OURS.some((others) => others.test(line)))
      .map((line) => line.replace(SHIMS_ID, '')),
  };
}

/** One keeper and one daemon there must be, or none. */
function wrongXnet(processes: readonly string[], wanted: number): string[] {
  const counts = XNET_PROCESSES.map((kind) => [kind, processes.filter((args) => kind.test(args)).length]);
  return counts.flatMap(([kind, count]) => (count === wanted ? [] : [`${count} of ${kind}`]));
}

async function leftInStore(lab: Lab): Promise<string[]> {
  if (lab.options.etcd === 0) return [];
  const left = (await lab.etcdKeys()).filter((key) => !HOST_KEYS.test(key));
  return left.map((key) => `key in etcd: ${key}`);
}

/** `items` less `others`, each counted. */
function without(items: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return items.filter((item) => {
    const index = left.indexOf(item);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
}
