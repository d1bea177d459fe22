import { describe, expect, test } from '@jest/globals';
import { diedQuickly, formatEnd, planNext } from '../../../src/keeper/plan-next.js';

const KILLED = { code: null, signal: 'SIGKILL' } as const;
const running = { end: KILLED, order: 'run', holding: true, quickDeaths: 1 } as const;
const exited = (code: number) => ({ code, signal: null });

describe('after the end of a daemon', () => {
  test('the next starts at once, and after 0.1 s to 5 s when daemons die quickly in a row', () => {
    const pauses = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1000].map((quickDeaths) =>
      planNext({ ...running, quickDeaths }),
    );
    expect(pauses).toEqual(
      [0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000].map((startAfterMs) => ({ startAfterMs })),
    );
  });

  test('the keeper ends too when it stopped in order, asked or not', () => {
    expect(planNext({ ...running, order: 'stop', end: exited(0) })).toEqual({ exitCode: 0 });
    expect(planNext({ ...running, order: 'stop', end: exited(3) })).toEqual({ exitCode: 3 });
    expect(planNext({ ...running, order: 'stop', end: KILLED })).toEqual({ exitCode: 137 });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const early = { code: null, signal };
      expect(planNext({ ...running, order: 'stop', end: early })).toEqual({ exitCode: 0 });
    }
    expect(planNext({ ...running, end: exited(0) })).toEqual({ exitCode: 0 });
  });

  test('a wrong configuration is not tried again, whatever was asked and is held', () => {
    for (const order of ['run', 'upgrade', 'stop'] as const) {
      expect(planNext({ ...running, order, end: exited(2) })).toEqual({ exitCode: 2 });
    }
  });

  test('a failure is passed on while nothing is held, but a kill never is', () => {
    expect(planNext({ ...running, holding: false, end: exited(1) })).toEqual({ exitCode: 1 });
    expect(planNext({ ...running, holding: true, end: exited(1) })).toEqual({ startAfterMs: 0 });
    expect(planNext({ ...running, holding: false })).toEqual({ startAfterMs: 0 });
  });

  test('an upgrade goes on at once however the old daemon ended', () => {
    for (const end of [exited(0), exited(1), KILLED]) {
      expect(planNext({ end, order: 'upgrade', holding: false, quickDeaths: 9 })).toEqual({
        startAfterMs: 0,
      });
    }
  });

  test('is told in words', () => {
    expect(formatEnd(KILLED)).toBe('was killed by SIGKILL');
    expect(formatEnd(exited(1))).toBe('ended with code 1');
  });
});

test('a daemon died quickly that hardly served, however long its start took', () => {
  expect(diedQuickly(0, 500)).toBe(true);
  expect(diedQuickly(0, 20_000)).toBe(true);
  expect(diedQuickly(2_900, 30_000)).toBe(true);
  expect(diedQuickly(3_000, 3_500)).toBe(false);
  // It did something else than starting.
  expect(diedQuickly(0, 60_000)).toBe(false);
});
