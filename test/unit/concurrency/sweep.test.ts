import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { Sweep, type SweepParts } from '../../../src/concurrency/sweep.js';
import { eventually } from '../../support/time/eventually.js';

const LONG_MS = 60_000;

/** A sweep whose looks are counted. `look` gets the number of the look, from 1 on. */
class Counted implements AsyncDisposable {
  readonly sweep: Sweep;
  readonly failures: string[] = [];
  readonly suspicions: boolean[] = [];
  looks = 0;

  constructor(
    look: (count: number) => number | Promise<number>,
    retryMs = LONG_MS,
    options: Pick<SweepParts, 'leastRetryMs'> = {},
  ) {
    this.sweep = new Sweep({
      look: async (isSuspected) => {
        this.looks += 1;
        this.suspicions.push(isSuspected);
        return look(this.looks);
      },
      retryMs,
      ...options,
      onFailure: (error) => this.failures.push(String(error)),
    });
    this.sweep.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sweep[Symbol.asyncDispose]();
  }
}

describe('a sweep', () => {
  test('looks at once, and again after the pause that the look asked for', async () => {
    await using swept = new Counted((count) => (count < 3 ? 1 : LONG_MS));
    expect(swept.looks).toBe(1);
    await eventually(() => expect(swept.looks).toBe(3));
    await pause(50);
    expect(swept.looks).toBe(3);
  });

  test('looks soon after a hint, once for many', async () => {
    await using swept = new Counted(() => LONG_MS);
    await pause(30);
    for (let count = 0; count < 10; count++) swept.sweep.hint();
    await eventually(() => expect(swept.looks).toBe(2));
    await pause(50);
    expect(swept.looks).toBe(2);
  });

  test('looks again after a hint in the midst of a look, and never twice at a time', async () => {
    let [now, most] = [0, 0];
    await using swept = new Counted(async () => {
      now += 1;
      most = Math.max(most, now);
      await pause(10);
      now -= 1;
      return LONG_MS;
    });
    swept.sweep.hint();
    await eventually(() => expect(swept.looks).toBe(2));
    await pause(50);
    expect([swept.looks, most]).toEqual([2, 1]);
  });

  test('tries again after a failure, and tells of each reason once, until a look succeeded', async () => {
    const outcomes = ['away', 'away', 'denied', '', 'denied'];
    await using swept = new Counted((count) => {
      const reason = outcomes[count - 1];
      if (reason) throw new Error(reason);
      return count <= outcomes.length ? 1 : LONG_MS;
    }, 1);
    await eventually(() => expect(swept.looks).toBe(6));
    expect(swept.failures).toEqual(['Error: away', 'Error: denied', 'Error: denied']);
  });

  test('waits after a failure as long as it shall, whatever hints come', async () => {
    const failing = (count: number) => {
      if (count === 1) throw new Error('away');
      return LONG_MS;
    };
    await using patient = new Counted(failing, LONG_MS, { leastRetryMs: 300 });
    await using other = new Counted(failing);
    for (const { sweep } of [patient, other]) sweep.hint();
    await eventually(() => expect(other.looks).toBe(2));
    expect(patient.looks).toBe(1);
    await eventually(() => expect(patient.looks).toBe(2));
    patient.sweep.hint();
    await eventually(() => expect(patient.looks).toBe(3));
  });

  test('looks once for many suspicions, when they have settled', async () => {
    await using swept = new Counted(() => LONG_MS);
    await pause(30);
    const began = performance.now();
    for (let count = 0; count < 10; count++) swept.sweep.suspect();
    await pause(30);
    expect(swept.looks).toBe(1);
    await eventually(() => expect(swept.looks).toBe(2));
    expect(performance.now() - began).toBeGreaterThan(190);
    swept.sweep.hint();
    await eventually(() => expect(swept.suspicions).toEqual([false, true, false]));
  });

  test('looks later, once for many calls, and not after its end', async () => {
    const swept = new Counted(() => LONG_MS);
    const began = performance.now();
    for (let count = 0; count < 10; count++) swept.sweep.hintLater(100);
    await eventually(() => expect(swept.looks).toBe(2));
    expect(performance.now() - began).toBeGreaterThan(90);
    swept.sweep.hintLater(30);
    await swept[Symbol.asyncDispose]();
    swept.sweep.hintLater(1);
    await pause(50);
    expect(swept.looks).toBe(2);
  });

  test('ends in the midst of a suspicion', async () => {
    const swept = new Counted(() => LONG_MS);
    swept.sweep.suspect();
    await swept[Symbol.asyncDispose]();
    swept.sweep.suspect();
    await pause(250);
    expect(swept.looks).toBe(1);
  });

  test('ends when the look under way has ended, and looks no more', async () => {
    let ended = false;
    const swept = new Counted(async () => {
      await pause(10);
      ended = true;
      return 1;
    });
    await swept[Symbol.asyncDispose]();
    expect(ended).toBe(true);
    swept.sweep.hint();
    await pause(30);
    expect(swept.looks).toBe(1);
  });

  test('ends in the midst of a pause, and before it was started', async () => {
    const swept = new Counted(() => LONG_MS);
    await pause(30);
    await swept[Symbol.asyncDispose]();
    expect(swept.looks).toBe(1);
    const parts = { look: async () => LONG_MS, retryMs: LONG_MS, onFailure: () => undefined };
    await new Sweep(parts)[Symbol.asyncDispose]();
  });
});
