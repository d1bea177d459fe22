import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { merge } from '../../../src/concurrency/merge.js';

async function* untilAborted(signal: AbortSignal): AsyncGenerator<string> {
  yield 'first';
  if (!signal.aborted) await once(signal, 'abort');
}

async function* failing(afterMs: number): AsyncGenerator<string> {
  if (await sleep(afterMs, true)) throw new Error('away');
  yield 'never';
}

async function* firstThenFailing(): AsyncGenerator<string> {
  yield 'first';
  yield* failing(0);
}

test('the items of all, until all have ended', async () => {
  const of = (items: string[]) =>
    async function* () {
      yield* items;
    };
  const found: string[] = [];
  for await (const item of merge(new AbortController().signal, [of(['a', 'b']), of(['c'])])) found.push(item);
  expect(found.sort()).toEqual(['a', 'b', 'c']);
});

test('rejects at once as one of them does, though another has nothing to say', async () => {
  const merged = merge(new AbortController().signal, [untilAborted, () => failing(20)]);
  expect((await merged.next()).value).toBe('first');
  await expect(merged.next()).rejects.toThrow('away');
});

test('one that fails while nobody asks is no unhandled rejection', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  try {
    const merged = merge(new AbortController().signal, [firstThenFailing]);
    await merged.next();
    await sleep(20);
    expect(unhandled).toEqual([]);
    await expect(merged.next()).rejects.toThrow('away');
  } finally {
    process.off('unhandledRejection', note);
  }
});

test('all are ended when its reader goes, and when the signal aborts', async () => {
  const read = merge(new AbortController().signal, [untilAborted]);
  await read.next();
  await read.return(undefined);
  const stop = new AbortController();
  const aborted = merge(stop.signal, [untilAborted]);
  await aborted.next();
  stop.abort();
  expect((await aborted.next()).done).toBe(true);
});
