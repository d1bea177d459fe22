import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { withProgress } from '../../../src/cli/ask/progress.js';

const terminal = (isTTY: boolean) => {
  const written: string[] = [];
  return { isTTY, written, write: (text: string) => written.push(text) };
};

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test('a terminal shows from the first second on that something is done, and is clean again at the end', async () => {
  const screen = terminal(true);
  const answer = withProgress(
    'looking',
    new Promise((resolve) => setTimeout(resolve, 2500, 'found')),
    screen,
  );
  await jest.advanceTimersByTimeAsync(2500);
  await expect(answer).resolves.toBe('found');
  const erase = '\r\u001b[K';
  expect(screen.written).toEqual([`${erase}looking: 1 s`, `${erase}looking: 2 s`, erase]);
});

test('a quick answer and what is no terminal show nothing', async () => {
  for (const screen of [terminal(true), terminal(false)]) {
    await expect(withProgress('looking', Promise.resolve(1), screen)).resolves.toBe(1);
    await expect(withProgress('looking', Promise.reject(new Error('no')), screen)).rejects.toThrow('no');
    expect(screen.written).toEqual([]);
  }
});
