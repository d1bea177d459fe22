/** Section memory: what xnet takes with many networks and endpoints. The containers stay: the lab goes with them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Figure, show, state } from './figures.js';
import type { Host } from './lab.js';
import { type Process, readProcesses, sumOf } from './processes.js';
import { timeStart } from './start.js';
import { createXnetNetwork, untilNetworks, type World } from './world.js';

const NETWORKS = 10;

/** Starts at once on each host. */
const PARALLEL = 5;

/** The daemon gives back what is free every 20 s (src/daemon.ts). */
const SETTLE_MS = 25_000;

export async function measureMemory({ h1, h2 }: World, endpoints: number): Promise<Figure[]> {
  const hosts = [h1, h2];
  const before = await Promise.all(hosts.map(readProcesses));
  for (const name of networkNames()) await createXnetNetwork(h1, name);
  await untilNetworks(h2, networkNames());
  const started = performance.now();
  await Promise.all(hosts.map((host) => startMany(host, endpoints / hosts.length)));
  const rate = endpoints / ((performance.now() - started) / 1000);
  await sleep(SETTLE_MS);
  const after = await Promise.all(hosts.map(readProcesses));
  const note = hosts.map(
    ({ name }, i) => `${name}: ${describeMemory(after[i])}; before: ${describeMemory(before[i])}`,
  );
  const size = `${NETWORKS} networks and ${endpoints} endpoints`;
  const [daemon, both] = [after.map(daemonMemory), after.map(ownMemory)];
  return [
    state({
      ...{ what: `resident memory of the daemon, ${size}`, unit: ' MB', value: Math.max(...daemon) },
      ...{ goal: { atMost: 95 }, note: note.join('; ') },
    }),
    state({
      ...{ what: 'with its keeper, whose pages of node itself are the same', unit: ' MB' },
      value: Math.max(...both),
    }),
    state({
      what: `endpoints a second while these were started, ${PARALLEL} at once on each of 2 hosts`,
      unit: ' /s',
      value: rate,
    }),
  ];
}

async function startMany(host: Host, count: number): Promise<void> {
  const networks = networkNames();
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next++;
      await timeStart(host, networks[index % networks.length] ?? '', `bench-memory-${index}`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

/** NaN when there is not one daemon. */
function daemonMemory(processes: readonly Process[]): number {
  const daemons = processes.filter(({ role }) => role === 'daemon');
  return daemons.length === 1 ? sumOf(daemons, 'rss') : Number.NaN;
}

/** Of the keeper what it does not share: the program and its libraries are counted with the daemon. */
function ownMemory(processes: readonly Process[]): number {
  return (
    daemonMemory(processes) +
    sumOf(
      processes.filter(({ role }) => role === 'keeper'),
      'unshared',
    )
  );
}

function isOwn({ role }: Process): boolean {
  return role !== 'program';
}

function describeMemory(processes: readonly Process[] = []): string {
  const [rss, pss] = [sumOf(processes, 'rss'), sumOf(processes, 'pss')];
  const own = processes.filter(isOwn).map(({ role, ...sizes }) => `${role} ${formatSizes(sizes)}`);
  return `${own.join(', ')}; ${processes.length} processes of ${show(rss, 0)} MB together (${show(pss, 0)} MB with shared pages split)`;
}

function formatSizes({ rss, pss }: Pick<Process, 'rss' | 'pss'>): string {
  return `${show(rss, 0)} (${show(pss, 0)})`;
}

function networkNames(): string[] {
  return Array.from({ length: NETWORKS }, (_, index) => `bench-memory-${index}`);
}
