/** Section closed: how much longer `docker run -d` takes where containers reach outside only what their label names (`xnet.egress=deny`). */
import { CONTESTANTS } from './contestants.js';
import { describe, type Figure, state } from './figures.js';
import { alternate } from './rounds.js';
import { removeStarted, timeStart } from './start.js';
import { median } from './statistics.js';
import type { World } from './world.js';

const LABEL = ['--label', 'xnet.egress.allow=github.com,*.npmjs.org:443,192.0.2.0/24:443'];

export async function measureClosed({ h1, servers }: World, rounds: number): Promise<Figure[]> {
  if (!servers.has('xnet closed')) return [];
  const kinds = ['xnet', 'xnet closed'] as const;
  const samples = await alternate(rounds, kinds, async (kind) => {
    const ms = await timeStart(h1, CONTESTANTS[kind].network, undefined, kind === 'xnet' ? [] : LABEL);
    await removeStarted(h1);
    return ms;
  });
  const more = samples['xnet closed'].map((ms, round) => ms - (samples.xnet[round] as number));
  return [
    state({
      ...{ what: '`docker run -d` of a closed container, more than of another', unit: ' ms' },
      ...{ value: median(more), goal: { atMost: 5 } },
      note: `${describe(samples['xnet closed'], ' ms')}; more: ${describe(more, ' ms')}`,
      against: `not closed ${describe(samples.xnet, ' ms')}`,
    }),
  ];
}
