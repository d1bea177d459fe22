/** Section path: one container's start on xnet, piece by piece, one start after the other. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LAST_CALL, START_CALLS, shareOf, timesOf } from './calls.js';
import { CONTESTANTS } from './contestants.js';
import { etcdFigures, readEtcdCalls, type StartCalls, subtractCalls } from './etcd-calls.js';
import { describe, type Figure, show, state } from './figures.js';
import { ForwardingWatch } from './forwarding-watch.js';
import type { Host, LogLine } from './lab.js';
import { NameWrites } from './name-writes.js';
import { type Process, readProcesses, sumOf } from './processes.js';
import { removeStarted, timeStart } from './start.js';
import { median, quantile } from './statistics.js';
import type { World } from './world.js';

const NAME = 'bench-path';

/** After its names were published: what else of a start asks etcd something has done so. */
const AFTERWARDS_MS = 30;

interface Start extends StartCalls {
  readonly lines: readonly LogLine[];
  /** From the answer to Join to the FDB entry on the other host; undefined when none appeared. */
  readonly forwardedMs: number | undefined;
}

export async function measurePath(world: World, rounds: number): Promise<Figure[]> {
  using watch = new ForwardingWatch(world.h2, await findNamespace(world.h2));
  using nameWrites = new NameWrites(world.etcd);
  const tools = { watch, nameWrites };
  await startOnce(world, tools);
  const before = await Promise.all([world.h1, world.h2].map(readProcesses));
  const starts: Start[] = [];
  while (starts.length < rounds) starts.push(await startOnce(world, tools));
  const after = await Promise.all([world.h1, world.h2].map(readProcesses));
  return [
    ...shareFigures(starts),
    processorFigure(before, after, starts.length),
    ...etcdFigures(starts),
    forwardingFigure(starts),
  ];
}

interface Tools {
  readonly watch: ForwardingWatch;
  readonly nameWrites: NameWrites;
}

async function startOnce(world: World, { watch, nameWrites }: Tools): Promise<Start> {
  const { h1 } = world;
  nameWrites.forget(NAME);
  const [place, before] = [await h1.logEnd(), await readEtcdCalls(world)];
  await timeStart(h1, CONTESTANTS.xnet.network, NAME);
  await nameWrites.published(NAME);
  await sleep(AFTERWARDS_MS);
  const etcd = subtractCalls(await readEtcdCalls(world), before);
  const lines = await h1.logUntil(place, LAST_CALL);
  const mac = await h1.docker(
    'inspect',
    '-f',
    '{{range .NetworkSettings.Networks}}{{.MacAddress}}{{end}}',
    NAME,
  );
  const addedAt = await watch.addedAt(mac);
  const joined = lines.find((line) => line.message === 'NetworkDriver.Join');
  await removeStarted(h1, NAME);
  watch.forget(mac);
  const published = nameWrites.count(NAME);
  return {
    lines,
    etcd,
    nameWrites: published,
    forwardedMs: addedAt && joined && addedAt - Date.parse(joined.timestamp),
  };
}

function shareFigures(starts: readonly Start[]): Figure[] {
  const shares = starts.map(({ lines }) => shareOf(lines));
  const calls = START_CALLS.map((call) => {
    const times = starts.flatMap(({ lines }) => timesOf(lines, call));
    return `${call.split('.')[1]} ${show(median(times))}`;
  });
  const what = "xnet's own share of one start (its calls together)";
  const [middle, late] = [median(shares), quantile(shares, 0.99)];
  return [
    state({
      what: `${what}: median`,
      unit: ' ms',
      value: middle,
      goal: { atMost: 8 },
      note: calls.join(', '),
    }),
    state({
      what: `${what}: p99`,
      unit: ' ms',
      value: late,
      goal: { atMost: 20 },
      note: `${shares.length} starts`,
    }),
  ];
}

/** Independent of what else the machine does, unlike times. */
function processorFigure(before: Process[][], after: Process[][], starts: number): Figure {
  const spent = (host: number, what: 'ownMs' | 'programsMs') =>
    (sumOf(after[host] ?? [], what) - sumOf(before[host] ?? [], what)) / starts;
  const note = ['h1, where it starts', 'h2'].map(
    (name, host) =>
      `${name}: the daemon ${show(spent(host, 'ownMs'))}, its programs ${show(spent(host, 'programsMs'))}`,
  );
  const value = [0, 1].reduce((sum, host) => sum + spent(host, 'ownMs') + spent(host, 'programsMs'), 0);
  const what = "xnet's processor time for one start and removal, both hosts";
  return state({ what, unit: ' ms', value, note: note.join('; ') });
}

function forwardingFigure(starts: readonly Start[]): Figure {
  const known = starts.flatMap(({ forwardedMs }) => (forwardedMs === undefined ? [] : [forwardedMs]));
  // An entry that never came is the worst of all.
  const all = starts.map(({ forwardedMs }) => forwardedMs ?? Number.POSITIVE_INFINITY);
  const early = known.filter((ms) => ms <= 0).length;
  const note = [
    describe(known, ' ms'),
    `p99 ${show(quantile(all, 0.99))} ms`,
    `${early} of ${all.length} came before the answer`,
    `${all.length - known.length} never`,
  ];
  const what = "the other host's FDB entry, after the answer to Join: median";
  return state({ what, unit: ' ms', value: median(all), goal: { atMost: 50 }, note: note.join(', ') });
}

/** The network of this benchmark is the host's only one when this is called. */
async function findNamespace(host: Host): Promise<string> {
  const namespaces = (await host.run('ip', 'netns', 'list')).match(/^xnet-[0-9a-f]{12}/gm) ?? [];
  const [namespace] = namespaces;
  if (!namespace || namespaces.length > 1)
    throw new Error(`${namespaces.length} networks of xnet on ${host.name}, not 1`);
  return namespace;
}
