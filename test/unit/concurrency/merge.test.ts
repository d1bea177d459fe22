import { describe, expect, test } from '@jest/globals';
import { sleep } from '../../../src/concurrency/deadline.js';
import { merge } from '../../../src/concurrency/merge.js';

// biome-ignore lint/correctness/useYield: it never has one.
async function* silent(signal: AbortSignal): AsyncGenerator<string> {
  await sleep(60_000, signal);
}

describe('merged sources', () => {
  test('give their items as they come, until all have ended', async () => {
    const items: string[] = [];
    async function* two(name: string) {
      yield `${name}1`;
      yield `${name}2`;
    }
    for await (const item of merge(() => [two('a'), two('b')], new AbortController().signal))
      items.push(item);
    expect(items.toSorted()).toEqual(['a1', 'a2', 'b1', 'b2']);
  });

  test('fail with the first of them, also while another waits for what does not come', async () => {
    // biome-ignore lint/correctness/useYield: it fails before.
    async function* failing(): AsyncGenerator<string> {
      throw new Error('the store is away');
    }
    const { signal } = new AbortController();
    await expect(merge((ended) => [silent(ended), failing()], signal).next()).rejects.toThrow(
      'the store is away',
    );
  });

  test('end with the signal, and with their reader', async () => {
    const stop = new AbortController();
    const ends: string[] = [];
    const noted = async function* (signal: AbortSignal) {
      yield 'first';
      await sleep(60_000, signal);
      ends.push('ended');
    };
    const stopped = merge((ended) => [noted(ended), silent(ended)], stop.signal);
    expect(await stopped.next()).toMatchObject({ value: 'first' });
    stop.abort();
    expect(await stopped.next()).toMatchObject({ done: true });
    for await (const _ of merge((ended) => [noted(ended), silent(ended)], new AbortController().signal))
      break;
    expect(ends).toEqual(['ended', 'ended']);
  });

  test('that fail while their reader does something else fail its next read alone', async () => {
    async function* once(): AsyncGenerator<string> {
      yield 'first';
      throw new Error('too late');
    }
    const merged = merge(() => [once()], new AbortController().signal);
    await merged.next();
    await sleep(20);
    await expect(merged.next()).rejects.toThrow('too late');
  });
});
