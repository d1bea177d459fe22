import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Unfinished } from '../../../src/concurrency/unfinished.js';
import { eventually } from '../../support/time/eventually.js';

/** A task that fails until the `good`th attempt. */
class Removal {
  readonly times: number[] = [];

  constructor(private readonly good: number) {}

  readonly remove = async () => {
    this.times.push(performance.now());
    if (this.times.length < this.good) throw new Error('no answer');
  };
}

test('a task is tried again after growing pauses until it holds, and no more', async () => {
  await using removals = new Unfinished({ firstPauseMs: 20, longestPauseMs: 80 });
  const [hard, easy] = [new Removal(5), new Removal(1)];
  const started = performance.now();
  removals.add('e1', hard.remove);
  removals.add('e2', easy.remove);
  expect(removals.size).toBe(2);
  await eventually(() => expect(removals.size).toBe(0));
  const times = [started, ...hard.times];
  const pauses = hard.times.map((time, attempt) => time - (times[attempt] ?? 0));
  for (const [attempt, ms] of [20, 40, 80, 80, 80].entries()) expect(pauses[attempt]).toBeGreaterThan(ms - 5);
  await pause(100);
  expect([hard, easy].map(({ times }) => times.length)).toEqual([5, 1]);
});

test('one that a late commit may make vain is repeated for as long, though it holds', async () => {
  await using removals = new Unfinished({ firstPauseMs: 10, longestPauseMs: 20 });
  const removal = new Removal(1);
  const started = performance.now();
  removals.add('e1', removal.remove, 100);
  await eventually(() => expect(removals.size).toBe(0));
  expect(removal.times.at(-1)).toBeGreaterThanOrEqual(started + 100);
});

test('none is begun when the daemon ends', async () => {
  const removals = new Unfinished({ firstPauseMs: 20, longestPauseMs: 20 });
  const removal = new Removal(1);
  removals.add('e1', removal.remove);
  await removals[Symbol.asyncDispose]();
  removals.add('e2', removal.remove);
  await pause(50);
  expect(removal.times).toEqual([]);
});
