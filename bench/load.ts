/** Section load: many containers started at the same time on both hosts. Nothing here has a goal. */
import { countFailures, sharesOf, timesOf } from './calls.js';
import { createXnetNetwork, NETWORKS, untilNetworks, type World } from './contestants.js';
import { compare, describe, type Figure, show, state } from './figures.js';
import type { Host, LogLine } from './lab.js';
import { alternate } from './rounds.js';
import { removeStarted, timeStart } from './start.js';
import { quantile } from './statistics.js';

/** On each host. */
const PARALLEL = 10;

export async function measureLoad(world: World, rounds: number): Promise<Figure[]> {
  const hosts = [world.h1, world.h2];
  const lines: LogLine[] = [];
  const samples = await alternate(rounds, ['xnet', 'swarm overlay'] as const, async (kind) => {
    const place = await world.h1.logEnd();
    const rate = await startTogether(hosts, NETWORKS[kind]);
    if (kind === 'xnet') lines.push(...(await world.h1.logSince(place)));
    await Promise.all(hosts.map((host) => removeStarted(host, ...names())));
    return rate;
  });
  const shares = sharesOf(lines);
  const what = `endpoints a second, ${PARALLEL} starts at once on each of 2 hosts`;
  return [
    compare({
      what,
      unit: ' /s',
      ours: samples.xnet,
      theirs: samples['swarm overlay'],
      opponent: 'swarm overlay',
    }),
    {
      ...state({
        what: "xnet's own share of a start, meanwhile: median",
        unit: ' ms',
        value: quantile(shares, 0.5),
      }),
      xnet: `${describe(shares, ' ms')}, p99 ${show(quantile(shares, 0.99))} ms; failed calls: ${countFailures(lines)}`,
    },
    ...(await measurePools(hosts)),
  ];
}

/** Networks created at once on both hosts, each with the next free subnet of the cluster. */
async function measurePools(hosts: readonly Host[]): Promise<Figure[]> {
  const created = hosts.flatMap((host) => names().map((name) => ({ host, name: `${name}-${host.name}` })));
  const places = await Promise.all(hosts.map((host) => host.logEnd()));
  const started = performance.now();
  await Promise.all(created.map(({ host, name }) => createXnetNetwork(host, name)));
  const seconds = (performance.now() - started) / 1000;
  const all = created.map(({ name }) => name);
  await Promise.all(hosts.map((host) => untilNetworks(host, all)));
  const everywhere = performance.now() - started;
  const logs = await Promise.all(hosts.map((host, index) => host.logSince(places[index] ?? 0)));
  const subnets = await Promise.all(created.map(({ host, name }) => subnetOf(host, name)));
  for (const { host, name } of created) await host.docker('network', 'rm', name);
  await Promise.all(hosts.map((host) => untilNetworks(host, all, false)));
  const times = timesOf(logs.flat(), 'IpamDriver.RequestPool');
  const twice = subnets.length - new Set(subnets).size;
  return [
    {
      ...state({
        what: `networks a second, ${PARALLEL} created at once on each of 2 hosts`,
        unit: ' /s',
        value: created.length / seconds,
      }),
      xnet: `all ${created.length} on both hosts after ${show(everywhere)} ms; RequestPool ${describe(times, ' ms')}, slowest ${show(Math.max(...times))} ms; subnets given twice: ${twice}`,
    },
  ];
}

/** Endpoints a second. */
async function startTogether(hosts: readonly Host[], network: string): Promise<number> {
  const started = performance.now();
  const starts = hosts.flatMap((host) => names().map((name) => timeStart(host, network, name)));
  await Promise.all(starts);
  return starts.length / ((performance.now() - started) / 1000);
}

function names(): string[] {
  return Array.from({ length: PARALLEL }, (_, index) => `bench-load-${index}`);
}

function subnetOf(host: Host, network: string): Promise<string> {
  return host.docker('network', 'inspect', '-f', '{{range .IPAM.Config}}{{.Subnet}}{{end}}', network);
}
