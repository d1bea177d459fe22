/** The daemon killed with -9 under load: what its clients see. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type CompiledSources, compileSources } from '../../support/programs/compiled-sources.js';
import { expectInTime } from '../../support/time/in-time.js';
import { KeeperUnderTest } from './keeper-under-test.js';
import { CallLoad, DatagramLoad, median, type Outcome, slowestMs } from './load.js';

const KILLS = 5;

let compiled: CompiledSources;
beforeAll(async () => {
  compiled = await compileSources(['keeper', 'native']);
});
afterAll(async () => await compiled[Symbol.asyncDispose]());

/** Kills the daemon five times in a row; the moments of the kills. */
async function killRepeatedly(keeper: KeeperUnderTest): Promise<number[]> {
  const moments: number[] = [];
  for (let kill = 1; kill <= KILLS; kill += 1) {
    await sleep(700);
    process.kill(await keeper.waitForDaemons(kill), 'SIGKILL');
    moments.push(performance.now());
  }
  await keeper.waitForDaemons(KILLS + 1);
  await sleep(500);
  return moments;
}

/** Milliseconds from each kill to the next answer of anybody who came after. */
function gapsMs(kills: readonly number[], outcomes: readonly Outcome[], keeper: KeeperUnderTest): number[] {
  const pids = keeper.pids('ready');
  return kills.map((killedAt, index) => {
    const later = pids.slice(index + 1);
    const answers = outcomes.filter(({ pid }) => pid !== undefined && later.includes(pid));
    return Math.min(...answers.map(({ answeredAt = Number.NaN }) => answeredAt)) - killedAt;
  });
}

function countBy(values: readonly (string | undefined)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) if (value !== undefined) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

describe('a daemon killed with -9 five times in a row', () => {
  test.each([4, 100])(
    'costs clients that call %i times a second nothing: those that it was answering are answered by the next',
    async (perSecond) => {
      await using keeper = await KeeperUnderTest.ready({ sources: compiled.directory });
      const load = new CallLoad(keeper.socket, perSecond);
      const kills = await killRepeatedly(keeper);
      const outcomes = await load.finish();

      const failures = countBy(outcomes.map(({ failure }) => failure));
      console.log(
        `${outcomes.length} calls at ${perSecond}/s, slowest ${slowestMs(outcomes).toFixed()} ms,`,
        {
          failures,
          gapMs: median(gapsMs(kills, outcomes, keeper)).toFixed(),
        },
      );
      expect(failures).toEqual({});
      expect(outcomes.filter(({ failure, answeredAt }) => !failure && !answeredAt)).toEqual([]);
      expectInTime(slowestMs(outcomes), 3000);
    },
    60_000,
  );

  test('loses no datagram but those it had read', async () => {
    await using keeper = await KeeperUnderTest.ready({ sources: compiled.directory, options: { udp: 20 } });
    const load = new DatagramLoad(keeper.ports(), 50);
    const kills = await killRepeatedly(keeper);
    const outcomes = await load.finish();

    const read = new Set(keeper.events().map(({ event }) => event.replace(/^read=/, '')));
    const unanswered = outcomes.filter(({ answeredAt }) => answeredAt === undefined);
    const lost = unanswered.filter(({ id }) => !read.has(id));
    console.log(
      `${outcomes.length} datagrams, slowest ${slowestMs(outcomes).toFixed()} ms,`,
      `read by a daemon that died: ${unanswered.length}, lost: ${lost.length},`,
      `gaps ${gapsMs(kills, outcomes, keeper).map((ms) => ms.toFixed())} ms`,
    );
    // Of what waits in a socket none; at each kill one may have been read by a daemon that could not say so any more.
    const losses = lost.map(({ askedAt }) => kills.findIndex((killedAt) => askedAt < killedAt));
    expect(losses).not.toContain(-1);
    expect(new Set(losses).size).toBe(losses.length);
    expect(unanswered.length).toBeLessThan(KILLS * 10);
    expectInTime(slowestMs(outcomes), 3000);
    expect(outcomes.length).toBeGreaterThan(2000);
  }, 60_000);
});
