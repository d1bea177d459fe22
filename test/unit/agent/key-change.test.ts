import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type HostKey, makeKey } from '../../../src/agent/encryption/encryption-keys.js';
import { KeyChange, type KeyChangeParts, nextKeys } from '../../../src/agent/encryption/key-change.js';
import { muteLogger } from '../../support/loggers.js';

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
  expect(switched).toEqual([next, { ...old, isFormer: true }]);
  expect(nextKeys(switched, false, NOW)).toEqual([next]);
  expect(nextKeys([next!], false, NOW)).toBeUndefined();
});

test('a key whose clock was set back afterwards is changed, too', () => {
  const future = makeKey(0, new Date(NOW.getTime() + DAY_MS));
  const both = nextKeys([future], true, NOW) ?? [];
  const switched = nextKeys(both, false, NOW) ?? [];
  expect(switched).toEqual([both[1], { ...future, isFormer: true }]);
  expect(nextKeys(switched, false, NOW)).toEqual([both[1]]);
});

describe('a change', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  /** Slots of the keys, that in use first, as devices, others and networks have them. */
  function open(...slots: (0 | 1)[]) {
    const world = {
      isApplied: true,
      isPublished: true,
      isMoved: true,
      refreshed: 0,
      published: [] as string[],
    };
    const keys = {
      all: slots.map((slot) => makeKey(slot, new Date())) as readonly HostKey[],
      replace: async (next: readonly HostKey[]) => {
        keys.all = next;
      },
      published: () => keys.all,
    };
    const parts = {
      ...{ keys, port: 51820, logger: muteLogger },
      apply: async () => {
        if (!world.isApplied) throw new Error('the UDP port of xnet-wg1 is taken');
      },
      publish: async (all: readonly HostKey[]) => {
        const keysNow = all.map(({ slot }) => slot).join();
        if (keysNow === world.published.at(-1)) return;
        if (!world.isPublished) throw new Error('etcd is away');
        world.published.push(keysNow);
      },
      isMoved: async () => world.isMoved,
      refresh: () => {
        world.refreshed += 1;
      },
    };
    const change = new KeyChange(parts as unknown as KeyChangeParts);
    const slotsNow = () => keys.all.map(({ slot }) => slot).join();
    return { world, change, slotsNow };
  }

  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 500) await jest.advanceTimersByTimeAsync(500);
  };

  test('takes its steps ten seconds apart', async () => {
    const { world, change, slotsNow } = open(0);
    change.start();
    await pass(500);
    change.ask();
    await pass(9_500);
    expect([slotsNow(), world.refreshed]).toEqual(['0,1', 0]);
    await pass(10_000);
    expect([slotsNow(), world.refreshed]).toEqual(['1,0', 1]);
    await pass(11_000);
    expect([slotsNow(), world.refreshed]).toEqual(['1', 1]);
    expect(world.published).toEqual(['0', '0,1', '1,0', '1']);
    await change[Symbol.asyncDispose]();
  });

  test('whose device cannot be made leaves the key in use alone, and is begun again', async () => {
    const { world, change, slotsNow } = open(0);
    change.start();
    await pass(500);
    world.isApplied = false;
    change.ask();
    await pass(200_000);
    expect([slotsNow(), world.refreshed]).toEqual(['0', 0]);
    expect(world.published).toEqual(['0']);
    world.isApplied = true;
    await pass(120_000);
    expect([slotsNow(), world.refreshed]).toEqual(['1', 1]);
    await change[Symbol.asyncDispose]();
  });

  test('keeps the former key while the devices are not right', async () => {
    const { world, change, slotsNow } = open(0);
    change.start();
    change.ask();
    await pass(11_000);
    expect(slotsNow()).toBe('1,0');
    world.isApplied = false;
    await pass(60_000);
    expect(slotsNow()).toBe('1,0');
    await change[Symbol.asyncDispose]();
  });

  test('keeps the former key while a network of this host still uses it', async () => {
    const { world, change, slotsNow } = open(0);
    change.start();
    change.ask();
    world.isMoved = false;
    await pass(60_000);
    expect(slotsNow()).toBe('1,0');
    world.isMoved = true;
    await pass(2_000);
    expect(slotsNow()).toBe('1');
    await change[Symbol.asyncDispose]();
  });

  test('counts from when the others know of it', async () => {
    const { world, change, slotsNow } = open(0);
    change.start();
    await pass(500);
    world.isPublished = false;
    change.ask();
    await pass(60_000);
    expect(slotsNow()).toBe('0,1');
    world.isPublished = true;
    await pass(9_000);
    expect(slotsNow()).toBe('0,1');
    await pass(8_000);
    expect(slotsNow()).toBe('1,0');
    await change[Symbol.asyncDispose]();
  });

  test('that an earlier daemon began goes on ten seconds after this one has published', async () => {
    const { change, slotsNow } = open(0, 1);
    change.start();
    await pass(8_000);
    expect(slotsNow()).toBe('0,1');
    await pass(4_000);
    expect(slotsNow()).toBe('1,0');
    await change[Symbol.asyncDispose]();
  });
});
