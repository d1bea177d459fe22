import { expect, test } from '@jest/globals';
import { SharedRuns } from '../../../src/concurrency/shared-runs.js';

test('runs are one after the other, and all who ask meanwhile share one that begins later', async () => {
  const ends: (() => void)[] = [];
  let [begun, most, now] = [0, 0, 0];
  const shared = new SharedRuns(async () => {
    begun += 1;
    now += 1;
    most = Math.max(most, now);
    const number = begun;
    await new Promise<void>((resolve) => ends.push(resolve));
    now -= 1;
    if (number === 1) throw new Error('the first fails');
    return number;
  });
  const first = expect(shared.run()).rejects.toThrow('the first fails');
  const others = Promise.all(Array.from({ length: 30 }, () => shared.run()));
  expect(begun).toBe(1);
  ends.shift()?.();
  await first;
  while (ends.length === 0) await Promise.resolve();
  const late = shared.run();
  ends.shift()?.();
  expect(new Set(await others)).toEqual(new Set([2]));
  while (ends.length === 0) await Promise.resolve();
  ends.shift()?.();
  expect(await late).toBe(3);
  expect([begun, most]).toEqual([3, 1]);
});
