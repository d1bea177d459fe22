/** What is measured: two hosts with xnet and a swarm over them, and a pair of containers on the network of each contestant. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CONTESTANT_NAMES,
  CONTESTANTS,
  type Contestant,
  type ContestantName,
  clientOf,
  serverOf,
} from './contestants.js';
import { Host, lab } from './lab.js';

const ANSWER_MS = 10_000;
const MIRROR_MS = 30_000;
/** xnet answers Docker before it has reached etcd; what needs etcd waits for that, but not for ever. */
const READY_MS = 60_000;

export interface World {
  readonly h1: Host;
  readonly h2: Host;
  readonly etcd: Host;
  /** Addresses of the containers on h2, of those contestants that there are; iperf3 serves there. */
  readonly servers: ReadonlyMap<ContestantName, string>;
  /** Why the others are missing. */
  readonly leftOut: ReadonlyMap<ContestantName, string>;
}

/**
 * On each network a container stays on either host all the time, so that what is measured is one more container, not the
 * network's first.
 */
export async function makeWorld(): Promise<World> {
  await lab('up', '2');
  const [h1, h2, etcd] = await Promise.all([Host.find('h1'), Host.find('h2'), Host.find('etcd1')]);
  await makeSwarm(h1, h2);
  await Promise.all([h1, h2].map((host) => host.logUntil(0, 'ready', READY_MS)));
  const underlay = await underlayOf(h1, h2);
  const servers = new Map<ContestantName, string>();
  const leftOut = new Map<ContestantName, string>();
  for (const name of CONTESTANT_NAMES) {
    const contestant: Contestant = CONTESTANTS[name];
    try {
      await createNetwork(h1, h2, contestant, underlay);
      servers.set(name, await makePair(h1, h2, name));
    } catch (error: unknown) {
      if (!contestant.isOptional) throw error;
      leftOut.set(name, reasonOf(error));
      await removeContestant(h1, h2, name);
    }
  }
  return { h1, h2, etcd, servers, leftOut };
}

/** xnet makes it on the other hosts too. */
export async function createXnetNetwork(host: Host, name: string): Promise<void> {
  await host.docker('network', 'create', ...CONTESTANTS.xnet.create(), name);
}

/** Resolves when the host's Docker has all these networks of xnet, or, with `there` false, none of them. */
export async function untilNetworks(host: Host, names: readonly string[], there = true): Promise<void> {
  const end = performance.now() + MIRROR_MS;
  for (;;) {
    const list = await host.docker('network', 'ls', '--filter', 'driver=xnet', '--format', '{{.Name}}');
    const present = new Set(list.split('\n'));
    if (names.every((name) => present.has(name) === there)) return;
    if (performance.now() > end) throw new Error(`${host.name}: the networks are not mirrored: ${list}`);
    await sleep(10);
  }
}

async function makeSwarm(h1: Host, h2: Host): Promise<void> {
  await h1.docker('swarm', 'init', '--advertise-addr', h1.address, '--listen-addr', h1.address);
  const token = await h1.docker('swarm', 'join-token', '-q', 'worker');
  await h2.docker('swarm', 'join', '--token', token, '--advertise-addr', h2.address, `${h1.address}:2377`);
}

/** The interface by which the hosts reach each other; it has one name on both. */
async function underlayOf(h1: Host, h2: Host): Promise<string> {
  const route = await h1.run('ip', '-o', 'route', 'get', h2.address);
  const [, name] = / dev (\S+)/.exec(route) ?? [];
  if (name === undefined) throw new Error(`${h1.name} has no route to ${h2.name}: ${route}`);
  return name;
}

async function createNetwork(h1: Host, h2: Host, contestant: Contestant, underlay: string): Promise<void> {
  const { network, create } = contestant;
  if (!create) return;
  const options = create(underlay);
  await h1.docker('network', 'create', ...options, network);
  if (options.includes('xnet')) await untilNetworks(h2, [network]);
}

/** Returns the server's address. */
async function makePair(h1: Host, h2: Host, name: ContestantName): Promise<string> {
  const { network } = CONTESTANTS[name];
  const [server, client] = [serverOf(name), clientOf(name)];
  await h2.docker('run', '-d', '--name', server, '--network', network, 'tools', 'iperf3', '-s');
  await h1.docker('run', '-d', '--name', client, '--network', network, 'tools', 'sleep', '1d');
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
  const address = (await h2.docker('inspect', '-f', format, server)) || h2.address;
  await untilAnswered(h1, client, address);
  return address;
}

/** What there is of it would cost the others something. */
async function removeContestant(h1: Host, h2: Host, name: ContestantName): Promise<void> {
  const { network } = CONTESTANTS[name];
  await h2.docker('rm', '-f', serverOf(name)).catch(() => {});
  await h1.docker('rm', '-f', clientOf(name)).catch(() => {});
  await h1.docker('network', 'rm', network).catch(() => {});
}

/** Docker's words, or the command's. */
function reasonOf(error: unknown): string {
  const [line = ''] = `${error instanceof Error ? error.message : error}`.split('\n');
  return line.split('Error response from daemon: ').at(-1) ?? line;
}

async function untilAnswered(host: Host, container: string, address: string): Promise<void> {
  const end = performance.now() + ANSWER_MS;
  for (;;) {
    const answered = await host.docker('exec', container, 'ping', '-c', '1', '-W', '1', address).then(
      () => true,
      () => false,
    );
    if (answered) return;
    if (performance.now() > end) throw new Error(`${container} gets no answer from ${address}`);
    await sleep(100);
  }
}
