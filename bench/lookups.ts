/** Section lookups: what a look-up costs in a container of xnet, beside Docker's resolver alone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { clientOf, serverOf } from './contestants.js';
import { describe, type Figure, state } from './figures.js';
import type { Host } from './lab.js';
import { NameClient } from './name-client.js';
import type { Lookup } from './name-probe.js';
import { median } from './statistics.js';
import type { World } from './world.js';

/** In each of the two containers. */
const RATE = 200;

/** A bridge of Docker's own: a container there has Docker's resolver and nothing of xnet. */
const ALONE = 'bench-alone';

/** A name that the lab's outside world knows. */
const OUTSIDE = 'outside.lab';

/** In both containers at the same time: half for a container's name, half for one that is passed on to the outside. */
export async function measureLookups({ h2 }: World, seconds: number): Promise<Figure[]> {
  await h2.docker('network', 'create', ALONE);
  await h2.docker('run', '-d', '--name', ALONE, '--network', ALONE, 'tools', 'sleep', '1d');
  const [ours, alone] = await lookUp(h2, seconds);
  await h2.docker('rm', '-f', ALONE);
  await h2.docker('network', 'rm', ALONE);
  return [
    state({
      what: `look-ups in a container that failed, ${RATE} a second`,
      unit: '',
      value: failuresOf(ours).length,
      goal: { atMost: 0 },
      note: `${describeFailures(ours)} in ${seconds} s`,
      against: `Docker's resolver alone: ${describeFailures(alone)}`,
    }),
    addedFigure("a container's name", times(ours, clientOf('xnet')), times(alone, ALONE)),
    addedFigure('a name of the outside, passed on', times(ours, OUTSIDE), times(alone, OUTSIDE)),
  ];
}

async function lookUp(host: Host, seconds: number): Promise<[readonly Lookup[], readonly Lookup[]]> {
  using ours = await NameClient.start(host, serverOf('xnet'));
  using alone = await NameClient.start(host, ALONE);
  ours.ask([clientOf('xnet'), OUTSIDE], 1000 / RATE);
  alone.ask([ALONE, OUTSIDE], 1000 / RATE);
  await sleep(seconds * 1000);
  return Promise.all([ours.stop(), alone.stop()]);
}

function times(lookups: readonly Lookup[], name: string): number[] {
  const found = lookups.filter((lookup) => lookup.name === name && lookup.outcome === 'found');
  return found.map(({ sentAt, answeredAt }) => answeredAt - sentAt);
}

function failuresOf(lookups: readonly Lookup[]): Lookup[] {
  return lookups.filter(({ outcome }) => outcome !== 'found');
}

function describeFailures(lookups: readonly Lookup[]): string {
  const kinds = new Map<string, number>();
  for (const { name, outcome } of failuresOf(lookups)) {
    const kind = `${name} ${outcome}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const all = [...kinds].map(([kind, count]) => `${count} ${kind}`);
  return `${all.join(', ') || 'none'} of ${lookups.length}`;
}

function addedFigure(what: string, ours: readonly number[], alone: readonly number[]): Figure {
  return state({
    what: `added to a look-up of ${what}: median`,
    unit: ' ms',
    value: median(ours) - median(alone),
    goal: { atMost: 1 },
    note: describe(ours, ' ms'),
    against: `Docker's resolver alone ${describe(alone, ' ms')}`,
  });
}
