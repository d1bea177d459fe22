import { expect, test } from '@jest/globals';
import { HostProblems } from '../../../src/agent/hosts/host-problems.js';
import { keys } from '../../../src/model/keys.js';
import { Replica } from '../../../src/replica/replica.js';
import { MemoryStore } from '../../../src/store/local/memory-store.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { muteLogger } from '../../support/loggers.js';
import { eventually } from '../../support/time/eventually.js';

const LOOK_MS = 20;
/** Ten looks, on a quiet machine. */
const looks = () => new Promise((resolve) => setTimeout(resolve, 10 * LOOK_MS));

async function start(
  store: MemoryStore,
  hostId: string,
  own: () => readonly string[],
): Promise<HostProblems> {
  const records = new RecordReader(muteLogger);
  const replica = new Replica(store, records);
  const problems = new HostProblems({ replica, hostId, own, logger: muteLogger, lookMs: LOOK_MS });
  await problems.start();
  return problems;
}

test('are known to every host, written when they change alone, and removed with the last', async () => {
  await using store = new MemoryStore();
  await store.commit([], [{ put: keys.alive('one'), value: '' }]);
  let own: readonly string[] = ['a network is missing'];
  await using one = await start(store, 'one', () => own);
  await using two = await start(store, 'two', () => []);
  await eventually(() => expect(two.of('one')).toEqual(['a network is missing']));
  const { revision } = await store.list('');
  await looks();
  expect((await store.list('')).revision).toBe(revision);
  own = [];
  await eventually(() => expect(two.of('one')).toEqual([]));
  expect((await store.list(keys.allHostProblems())).entries).toEqual([]);
  expect(one.of('two')).toEqual([]);
});

test('are few and short, whatever a host has', async () => {
  await using store = new MemoryStore();
  await store.commit([], [{ put: keys.alive('one'), value: '' }]);
  const own = Array.from({ length: 100 }, (_, index) => `${index} ${'x'.repeat(10_000)}`);
  await using one = await start(store, 'one', () => own);
  await eventually(() => expect(one.of('one')).toHaveLength(5));
  expect(one.of('one').at(-1)).toBe('96 more; `xnet status` there shows them');
  expect(Math.max(...one.of('one').map((text) => text.length))).toBeLessThan(410);
});

test('of a host that was removed are not written any more', async () => {
  await using store = new MemoryStore();
  await using one = await start(store, 'one', () => ['a problem']);
  await looks();
  expect(one.of('one')).toEqual([]);
  expect((await store.list('')).entries).toEqual([]);
});

test('that are over in a moment, as those of a start, are kept from the others', async () => {
  await using store = new MemoryStore();
  await store.commit([], [{ put: keys.alive('one'), value: '' }]);
  const before = await store.list('');
  let asked = 0;
  await using one = await start(store, 'one', () => (asked++ === 0 ? ['Docker was not asked yet'] : []));
  await eventually(() => expect(asked).toBeGreaterThan(5));
  expect(one.of('one')).toEqual([]);
  expect(await store.list('')).toEqual(before);
});
