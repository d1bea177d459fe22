import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { OutwardWatch } from '../../../src/agent/local/outward-watch.js';
import { muteLogger } from '../../support/loggers.js';

const FAULT = ['net.ipv4.ip_forward is 0'];

let found: readonly string[];
let rules: number;
let looks: number;

function begin(): OutwardWatch {
  const find = async () => {
    looks += 1;
    return found;
  };
  const watch = new OutwardWatch({
    settings: async () => ({ forwards: true, rules }),
    find,
    logger: muteLogger,
  });
  watch.start();
  return watch;
}

beforeEach(() => {
  [found, rules, looks] = [[], 7, 0];
  jest.useFakeTimers();
});
afterEach(() => void jest.useRealTimers());

test('rules are read once, and again after they have changed alone', async () => {
  await using _ = begin();
  await jest.advanceTimersByTimeAsync(3_600_000);
  expect(looks).toBe(1);
  rules += 1;
  await jest.advanceTimersByTimeAsync(60_000);
  expect(looks).toBe(2);
});

test('what is lost is a problem within a minute, and none within a minute of its end', async () => {
  await using watch = begin();
  await jest.advanceTimersByTimeAsync(60_000);
  [found, rules] = [FAULT, rules + 1];
  await jest.advanceTimersByTimeAsync(60_000);
  expect(watch.problems).toEqual(FAULT);
  // Rules of iptables-legacy are put back without a change that the kernel counts.
  found = [];
  await jest.advanceTimersByTimeAsync(60_000);
  expect(watch.problems).toEqual([]);
});

test('rules that are gone for a moment, as when Docker writes them anew, are none', async () => {
  await using watch = begin();
  await jest.advanceTimersByTimeAsync(60_000);
  [found, rules] = [FAULT, rules + 1];
  const before = looks;
  while (looks === before) await jest.advanceTimersByTimeAsync(500);
  found = [];
  for (let second = 0; second < 60; second += 1) {
    await jest.advanceTimersByTimeAsync(1_000);
    expect(watch.problems).toEqual([]);
  }
});
