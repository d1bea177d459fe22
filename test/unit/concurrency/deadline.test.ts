import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, test } from '@jest/globals';
import {
  RunningClock,
  untilTick,
  waitForWork,
  withDeadline,
  withSilenceLimit,
} from '../../../src/concurrency/deadline.js';

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Work of our own, or a processor that others have: nothing else happens in this process meanwhile. */
function block(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

test('what is not done in time is given up, and what is done in time is not', async () => {
  await expect(withDeadline(delay(5_000), 50, 'waiting')).rejects.toThrow('waiting took longer than 50 ms');
  await expect(withDeadline(Promise.resolve(1), 50, 'waiting')).resolves.toBe(1);
  await expect(withDeadline(Promise.reject(new Error('no')), 50, 'waiting')).rejects.toThrow('no');
});

test('an answer that came while this process could not read it is in time', async () => {
  const server = createServer((socket) => socket.end('answer')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const socket = connect(port, '127.0.0.1');
  const answered = withDeadline(once(socket, 'data'), 60, 'an answer');
  block(150);
  expect(String((await answered)[0])).toBe('answer');
  server.close();
});

test('the time in which this process did not run is not counted', async () => {
  using clock = new RunningClock();
  await delay(20);
  block(500);
  await delay(20);
  expect(clock.ms).toBeGreaterThan(20);
  expect(clock.ms).toBeLessThan(300);
});

const PATIENCE = { failingMs: 30, workingMs: 1_200 };

test('work that goes on is waited for, longer than work that fails', async () => {
  const none = () => undefined;
  await expect(waitForWork(delay(100), PATIENCE, 'working', none)).resolves.toBeUndefined();
  const failed = waitForWork(delay(300), PATIENCE, 'working', () => new Error('it cannot'));
  await expect(failed).rejects.toThrow('it cannot');
  await expect(waitForWork(delay(10_000), PATIENCE, 'working', none)).rejects.toThrow(
    'took longer than 1200',
  );
});

test('work whose parts come is waited for; work that falls silent is not', async () => {
  const inParts = async (parts: number, onProgress: () => void) => {
    for (let part = 0; part < parts; part += 1) {
      await delay(50);
      onProgress();
    }
  };
  await expect(
    withSilenceLimit((onProgress) => inParts(8, onProgress), 150, 'a list'),
  ).resolves.toBeUndefined();
  const silent = async (onProgress: () => void) => {
    await inParts(2, onProgress);
    await delay(5_000);
  };
  await expect(withSilenceLimit(silent, 150, 'a list')).rejects.toThrow('a list took longer than 150 ms');
  await expect(withSilenceLimit(async () => 1, 150, 'a list')).resolves.toBe(1);
});

test('pauses of seconds end together, up to a second earlier', () => {
  for (const ms of [2_000, 3_333, 4_000, 30_000]) {
    const before = performance.now();
    const pauseMs = untilTick(ms);
    const tookMs = performance.now() - before;
    expect(pauseMs).toBeGreaterThan(ms - 1_000);
    expect(pauseMs).toBeLessThanOrEqual(ms);
    const end = before + pauseMs;
    expect(Math.abs(end - 1_000 * Math.round(end / 1_000))).toBeLessThan(2 + tookMs);
  }
  expect([untilTick(0), untilTick(1_999)]).toEqual([0, 1_999]);
});
