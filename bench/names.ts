/** Section names: how soon a container's name is answered on the other host, and how soon no longer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTESTANTS, serverOf } from './contestants.js';
import { describe, type Figure, type Goal, show, state } from './figures.js';
import { NameClient } from './name-client.js';
import { monotonicMs } from './name-probe.js';
import { alternate } from './rounds.js';
import { SETTLE_MS, timeStart } from './start.js';
import { median, quantile } from './statistics.js';
import type { World } from './world.js';

const KINDS = ['xnet', 'swarm overlay'] as const;
type Kind = (typeof KINDS)[number];

const ASK_EVERY_MS = 3;
/** Of asking, before there is anything to be found. */
const WARM_UP_MS = 50;
const WAIT_MS = 5_000;

interface Sample {
  /** After `docker run -d` has returned; 0 when it was answered before that, infinite when never. */
  readonly knownMs: number;
  /** After `docker rm -f` has returned, likewise. */
  readonly forgottenMs: number;
}

export async function measureNames({ h1, h2 }: World, rounds: number): Promise<Figure[]> {
  using xnet = await NameClient.start(h2, serverOf('xnet'));
  using swarm = await NameClient.start(h2, serverOf('swarm overlay'));
  const clients: Record<Kind, NameClient> = { xnet, 'swarm overlay': swarm };
  let started = 0;
  const samples = await alternate(rounds, KINDS, async (kind): Promise<Sample> => {
    // A name that nobody has heard of before.
    const name = `bench-names-${started++}`;
    const client = clients[kind];
    client.ask([name], ASK_EVERY_MS);
    await sleep(WARM_UP_MS);
    await timeStart(h1, CONTESTANTS[kind].network, name);
    const knownMs = await lagOf(client, 'found', 0);
    const removing = monotonicMs();
    await h1.docker('rm', '-f', name);
    const forgottenMs = await lagOf(client, 'unknown', removing);
    client.ask([], 0);
    await sleep(SETTLE_MS);
    return { knownMs, forgottenMs };
  });
  return [
    ...lagFigures(
      'a name answered on the other host, after `docker run -d` returned',
      samples,
      ({ knownMs }) => knownMs,
      { median: 50, p99: 200 },
    ),
    ...lagFigures(
      'a name no longer answered there, after `docker rm -f` returned',
      samples,
      ({ forgottenMs }) => forgottenMs,
      { median: 100 },
    ),
  ];
}

/** From now until the answer that first had `outcome`, for queries that left at `sinceMs` or later. */
async function lagOf(client: NameClient, outcome: 'found' | 'unknown', sinceMs: number): Promise<number> {
  const now = monotonicMs();
  const lookup = await client.first(outcome, sinceMs, WAIT_MS);
  return lookup ? Math.max(0, lookup.answeredAt - now) : Number.POSITIVE_INFINITY;
}

function lagFigures(
  what: string,
  samples: Record<Kind, Sample[]>,
  lag: (sample: Sample) => number,
  goals: { readonly median: number; readonly p99?: number },
): Figure[] {
  const [ours, theirs] = KINDS.map((kind) => samples[kind].map(lag)) as [number[], number[]];
  const figure = (part: string, ofAll: (lags: number[]) => number, goal: Goal) =>
    state({
      ...{ what: `${what}: ${part}`, unit: ' ms', value: ofAll(ours), goal, note: describeLags(ours) },
      against: `swarm overlay ${show(ofAll(theirs))} ms; ${describeLags(theirs)}`,
    });
  return [
    figure('median', median, { atMost: goals.median }),
    figure('p99', (lags) => quantile(lags, 0.99), goals.p99 === undefined ? {} : { atMost: goals.p99 }),
  ];
}

function describeLags(lags: readonly number[]): string {
  const early = lags.filter((lag) => lag === 0).length;
  return `${describe(lags, ' ms')}, ${early} of ${lags.length} before it returned`;
}
