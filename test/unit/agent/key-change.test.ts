import { expect, test } from '@jest/globals';
import { makeKey } from '../../../src/agent/encryption/encryption-keys.js';
import { nextKeys } from '../../../src/agent/encryption/key-change.js';

const DAY_MS = 86_400_000;
const NOW = new Date('2026-11-30T12:00:00Z');
const old = makeKey(0, new Date(NOW.getTime() - 30 * DAY_MS));
const young = makeKey(1, new Date(NOW.getTime() - 29 * DAY_MS));

test('a key is changed after 30 days, or when it is asked for', () => {
  expect(nextKeys([young], false, NOW)).toBeUndefined();
  expect(nextKeys([young], true, NOW)?.map(({ slot }) => slot)).toEqual([1, 0]);
  expect(nextKeys([old], false, NOW)?.map(({ slot }) => slot)).toEqual([0, 1]);
});

test('the next key is there besides, then in use, then alone; also if each step is of another daemon', () => {
  const both = nextKeys([old], false, NOW) ?? [];
  const [, next] = both;
  expect(both[0]).toEqual(old);
  const switched = nextKeys(both, false, NOW) ?? [];
  expect(switched).toEqual([next, old]);
  expect(nextKeys(switched, false, NOW)).toEqual([next]);
  expect(nextKeys([next!], false, NOW)).toBeUndefined();
});
