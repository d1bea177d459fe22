/** Section load: many containers started and removed at the same time on both hosts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { countFailures, sharesOf, slowestCall, timesOf } from './calls.js';
import { createXnetNetwork, NETWORKS, untilNetworks, type World } from './contestants.js';
import { compare, describe, type Figure, show, state } from './figures.js';
import type { Host, LogLine } from './lab.js';
import { processorMs, type Standing, standingMs } from './processor.js';
import { alternate } from './rounds.js';
import { SETTLE_MS, timeStart } from './start.js';
import { quantile } from './statistics.js';

/** On each host. */
const PARALLEL = 10;

/** After the last start has returned: names are published, and other hosts have what they need of the endpoints. */
const AFTERWARDS_MS = 500;

/** What it took to start the containers, and to remove them. */
interface Burst {
  /** Endpoints a second. */
  readonly rate: number;
  /** Of the whole machine, for one start. */
  readonly processorMs: number;
  /** Of that, by program. */
  readonly standing: ReadonlyMap<Standing, number>;
  readonly removalMs: number;
}

export async function measureLoad(world: World, rounds: number): Promise<Figure[]> {
  const hosts = [world.h1, world.h2];
  const lines: LogLine[] = [];
  const samples = await alternate(rounds, ['xnet', 'swarm overlay'] as const, async (kind) => {
    const place = await world.h1.logEnd();
    const burst = await startTogether(hosts, NETWORKS[kind]);
    if (kind === 'xnet') lines.push(...(await world.h1.logSince(place)));
    return { ...burst, removalMs: await removeTogether(hosts) };
  });
  return [
    ...burstFigures(samples.xnet, samples['swarm overlay']),
    ...callFigures(lines),
    ...(await measurePools(hosts)),
  ];
}

function burstFigures(xnet: readonly Burst[], overlay: readonly Burst[]): Figure[] {
  const starts = `${PARALLEL} starts at once on each of 2 hosts`;
  const of = (key: Exclude<keyof Burst, 'standing'>) => ({
    ours: xnet.map((burst) => burst[key]),
    theirs: overlay.map((burst) => burst[key]),
    opponent: 'swarm overlay',
  });
  return [
    compare({ what: `endpoints a second, ${starts}`, unit: ' /s', ...of('rate') }),
    withShares(
      compare({
        what: `processor time of the whole machine for one start, ${starts}`,
        unit: ' ms',
        ...of('processorMs'),
        goal: { atMost: 0.95 },
      }),
      xnet,
      overlay,
    ),
    compare({
      what: `\`docker rm -f\` of ${2 * PARALLEL} containers, ${PARALLEL} on each of 2 hosts`,
      unit: ' ms',
      ...of('removalMs'),
      goal: { atMost: 1 },
    }),
  ];
}

/** Which programs took the processor time, on both sides. */
function withShares(figure: Figure, xnet: readonly Burst[], overlay: readonly Burst[]): Figure {
  const share = (bursts: readonly Burst[], program: Standing) =>
    show(
      quantile(
        bursts.map(({ standing }) => standing.get(program) ?? 0),
        0.5,
      ),
    );
  const shares = (bursts: readonly Burst[]) =>
    [...(bursts[0]?.standing.keys() ?? [])]
      .map((program) => `${program} ${share(bursts, program)}`)
      .join(', ');
  return {
    ...figure,
    xnet: `${figure.xnet}; of that ${shares(xnet)} ms`,
    against: `${figure.against}; of that ${shares(overlay)} ms`,
  };
}

function callFigures(lines: readonly LogLine[]): Figure[] {
  const shares = sharesOf(lines);
  const slowest = slowestCall(lines);
  const share = "xnet's own share of a start, meanwhile: median";
  return [
    {
      ...state({ what: share, unit: ' ms', value: quantile(shares, 0.5) }),
      xnet: `${describe(shares, ' ms')}, p99 ${show(quantile(shares, 0.99))} ms; failed calls: ${countFailures(lines)}`,
    },
    state({
      what: 'the slowest call of a start, meanwhile',
      unit: ' ms',
      value: slowest.ms,
      goal: { atMost: 500 },
      note: `${slowest.message}, of ${shares.length} starts`,
    }),
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

async function startTogether(hosts: readonly Host[], network: string): Promise<Omit<Burst, 'removalMs'>> {
  const standingBefore = await standingMs();
  const [started, before] = [performance.now(), await processorMs()];
  const starts = hosts.flatMap((host) => names().map((name) => timeStart(host, network, name)));
  await Promise.all(starts);
  const rate = starts.length / ((performance.now() - started) / 1000);
  await sleep(AFTERWARDS_MS);
  const processor = ((await processorMs()) - before) / starts.length;
  const standing = [...(await standingMs())].map(
    ([program, ms]) => [program, (ms - (standingBefore.get(program) ?? 0)) / starts.length] as const,
  );
  return { rate, processorMs: processor, standing: new Map(standing) };
}

async function removeTogether(hosts: readonly Host[]): Promise<number> {
  const started = performance.now();
  await Promise.all(hosts.map((host) => host.docker('rm', '-f', ...names())));
  const removalMs = performance.now() - started;
  await sleep(SETTLE_MS);
  return removalMs;
}

function names(): string[] {
  return Array.from({ length: PARALLEL }, (_, index) => `bench-load-${index}`);
}

function subnetOf(host: Host, network: string): Promise<string> {
  return host.docker('network', 'inspect', '-f', '{{range .IPAM.Config}}{{.Subnet}}{{end}}', network);
}
