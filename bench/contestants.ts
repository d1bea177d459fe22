/** Who runs against whom: a pair of containers across the two hosts on each kind of network. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Host, lab } from './lab.js';

export type Contestant = 'xnet' | 'swarm overlay' | 'bare underlay';
export const CONTESTANTS: readonly Contestant[] = ['xnet', 'swarm overlay', 'bare underlay'];

/** Docker's names of the networks; "host" is the hosts' own namespace. */
export const NETWORKS = {
  xnet: 'bench-xnet',
  'swarm overlay': 'bench-swarm',
  'bare underlay': 'host',
} as const;

const ANSWER_MS = 10_000;
const MIRROR_MS = 30_000;
/** xnet answers Docker before it has reached etcd; what needs etcd waits for that, but not for ever. */
const READY_MS = 60_000;

export interface World {
  readonly h1: Host;
  readonly h2: Host;
  readonly etcd: Host;
  /** Addresses of the containers on h2; iperf3 serves there. */
  readonly servers: Readonly<Record<Contestant, string>>;
}

/**
 * Two hosts with xnet and a swarm over them. On each network a container stays on either host all the time,
 * so that what is measured is one more container, not the network's first.
 */
export async function makeWorld(): Promise<World> {
  await lab('up', '2');
  const [h1, h2, etcd] = await Promise.all([Host.find('h1'), Host.find('h2'), Host.find('etcd1')]);
  await makeSwarm(h1, h2);
  await Promise.all([h1, h2].map((host) => host.logUntil(0, 'ready', READY_MS)));
  await createXnetNetwork(h1, NETWORKS.xnet);
  await untilNetworks(h2, [NETWORKS.xnet]);
  await h1.docker('network', 'create', '-d', 'overlay', '--attachable', NETWORKS['swarm overlay']);
  const servers = {
    xnet: await makePair(h1, h2, 'xnet'),
    'swarm overlay': await makePair(h1, h2, 'swarm overlay'),
    'bare underlay': await makePair(h1, h2, 'bare underlay'),
  };
  return { h1, h2, etcd, servers };
}

/** xnet makes it on the other hosts too. */
export async function createXnetNetwork(host: Host, name: string): Promise<void> {
  await host.docker('network', 'create', '-d', 'xnet', '--ipam-driver', 'xnet', name);
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

/** The container of h2, where iperf3 serves. */
export function serverOf(contestant: Contestant): string {
  return `server-${NETWORKS[contestant]}`;
}

/** The container of h1 from which is measured. */
export function clientOf(contestant: Contestant): string {
  return `client-${NETWORKS[contestant]}`;
}

async function makeSwarm(h1: Host, h2: Host): Promise<void> {
  await h1.docker('swarm', 'init', '--advertise-addr', h1.address, '--listen-addr', h1.address);
  const token = await h1.docker('swarm', 'join-token', '-q', 'worker');
  await h2.docker('swarm', 'join', '--token', token, '--advertise-addr', h2.address, `${h1.address}:2377`);
}

/** Returns the server's address. */
async function makePair(h1: Host, h2: Host, contestant: Contestant): Promise<string> {
  const network = NETWORKS[contestant];
  const server = serverOf(contestant);
  const client = clientOf(contestant);
  await h2.docker('run', '-d', '--name', server, '--network', network, 'tools', 'iperf3', '-s');
  await h1.docker('run', '-d', '--name', client, '--network', network, 'tools', 'sleep', '1d');
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
  const address = (await h2.docker('inspect', '-f', format, server)) || h2.address;
  await untilAnswered(h1, client, address);
  return address;
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
