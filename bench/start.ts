/** Section start: how long `docker run -d` takes, without a network, on xnet, and on the swarm overlay. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTESTANTS } from './contestants.js';
import { compare, type Figure } from './figures.js';
import type { Host } from './lab.js';
import { alternate } from './rounds.js';
import type { World } from './world.js';

const NAME = 'bench-start';

/** After a removal: xnet and Docker have finished it. */
export const SETTLE_MS = 150;

/** Starts one container, with `options` of docker run, and returns how many ms that took. */
export async function timeStart(
  host: Host,
  network: string,
  name = NAME,
  options: readonly string[] = [],
): Promise<number> {
  const words = ['run', '-d', '--name', name, '--network', network, ...options, 'busybox', 'sleep', '1d'];
  const started = performance.now();
  await host.docker(...words);
  return performance.now() - started;
}

export async function removeStarted(host: Host, ...names: string[]): Promise<void> {
  await host.docker('rm', '-f', ...(names.length > 0 ? names : [NAME]));
  await sleep(SETTLE_MS);
}

export async function measureStart({ h1 }: World, rounds: number): Promise<Figure[]> {
  const kinds = ['none', 'xnet', 'swarm overlay'] as const;
  const samples = await alternate(rounds, kinds, async (kind) => {
    const ms = await timeStart(h1, kind === 'none' ? 'none' : CONTESTANTS[kind].network);
    await removeStarted(h1);
    return ms;
  });
  const base = { unit: ' ms', ours: samples.xnet };
  const [theirs, none] = [samples['swarm overlay'], samples.none];
  const what = '`docker run -d`';
  return [
    compare({ ...base, what, theirs, opponent: 'swarm overlay', goal: { atMost: 0.75 } }),
    compare({ ...base, what, theirs: none, opponent: 'no network' }),
  ];
}
