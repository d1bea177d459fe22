/** What src/store/store.ts promises, of every store. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Store } from '../../../src/store/store.js';
import { transact } from '../../../src/store/transact.js';
import { WatchRecorder } from '../../support/store/watch-recorder.js';
import { etcd, failStatic, lmdb, memory } from './store-under-test.js';

const put = (key: string, value: string) => ({ put: key, value });
const absent = (key: string) => ({ key, is: 'absent' }) as const;

async function write(store: Store, key: string, value: string): Promise<number> {
  return (await store.commit([], [put(key, value)])).revision;
}

const keysOf = async (store: Store, prefix: string) =>
  (await store.list(prefix)).entries.map(({ key }) => key);

describe.each([memory, lmdb, etcd(), failStatic()])('$name', (underTest) => {
  beforeAll(() => underTest.start());
  afterAll(() => underTest.stop());

  describe('reading', () => {
    test('finds nothing in an empty store', async () => {
      await using opened = await underTest.open();
      expect(await opened.store.get('a')).toBeUndefined();
      const snapshot = await opened.store.list('');
      expect(snapshot.entries).toEqual([]);
      expect(snapshot.revision).toBeGreaterThan(0);
    });

    test('tells value, revision and revision of creation of a key', async () => {
      await using opened = await underTest.open();
      const created = await write(opened.store, 'a', 'one');
      const changed = await write(opened.store, 'a', 'two');
      expect(changed).toBeGreaterThan(created);
      expect(await opened.store.get('a')).toEqual({
        key: 'a',
        value: 'two',
        revision: changed,
        createRevision: created,
      });
    });

    test('starts a new life of a key that was removed', async () => {
      await using opened = await underTest.open();
      await write(opened.store, 'a', 'one');
      await opened.store.commit([], [{ remove: 'a' }]);
      const again = await write(opened.store, 'a', 'two');
      expect((await opened.store.get('a'))?.createRevision).toBe(again);
    });

    test('lists what is under a prefix, in key order, at a revision not older than the entries', async () => {
      await using opened = await underTest.open();
      for (const key of ['n/b', 'n/a/1', 'n/a', 'n0', 'm/z', 'n', 'n/']) await write(opened.store, key, key);
      const { entries, revision } = await opened.store.list('n/');
      expect(entries.map(({ key }) => key)).toEqual(['n/', 'n/a', 'n/a/1', 'n/b']);
      expect(revision).toBeGreaterThanOrEqual(Math.max(...entries.map((entry) => entry.revision)));
      expect(await keysOf(opened.store, '')).toHaveLength(7);
      expect(await keysOf(opened.store, 'n/a')).toEqual(['n/a', 'n/a/1']);
    });

    test('counts what is under a prefix', async () => {
      await using opened = await underTest.open();
      for (const key of ['n/b', 'n/a/1', 'n0', 'm/z']) await write(opened.store, key, key);
      const { store } = opened;
      expect(await Promise.all(['n/', 'n', 'x', ''].map((prefix) => store.count(prefix)))).toEqual([
        2, 3, 0, 4,
      ]);
    });

    test.each([
      ['unicode', 'Grüße, 世界, 🛰️ \u0000 "\\\n'],
      ['nothing', ''],
      ['a megabyte', 'x'.repeat(1_000_000)],
    ])('gives back a value of %s unchanged', async (_, value) => {
      await using opened = await underTest.open();
      await write(opened.store, 'a', value);
      expect((await opened.store.get('a'))?.value).toBe(value);
      expect((await opened.store.list('a')).entries[0]?.value).toBe(value);
    });
  });

  describe('commit', () => {
    test('writes nothing when one of its conditions fails, and shows what it found', async () => {
      await using opened = await underTest.open();
      const { store } = opened;
      const revision = await write(store, 'a', 'one');
      const refused = await store.commit([absent('b'), absent('a')], [put('b', '1'), put('c', '1')]);
      expect(refused).toEqual({
        committed: false,
        revision: expect.any(Number),
        found: [{ key: 'a', value: 'one', revision, createRevision: revision }],
      });
      expect(await keysOf(store, '')).toEqual(['a']);
    });

    test('keeps each kind of condition', async () => {
      await using opened = await underTest.open();
      const { store } = opened;
      const old = await write(store, 'a', '1');
      const revision = await write(store, 'a', '2');
      const holds = async (condition: Parameters<Store['commit']>[0][number]) =>
        (await store.commit([condition], [put('mark', 'x')])).committed;
      expect(await holds({ key: 'a', is: 'present' })).toBe(true);
      expect(await holds({ key: 'a', is: 'at', revision })).toBe(true);
      expect(await holds({ key: 'b', is: 'absent' })).toBe(true);
      expect(await holds({ key: 'a', is: 'absent' })).toBe(false);
      expect(await holds({ key: 'a', is: 'at', revision: old })).toBe(false);
      expect(await holds({ key: 'b', is: 'present' })).toBe(false);
      expect(await holds({ key: 'b', is: 'at', revision })).toBe(false);
    });

    test('gives all its writes one revision', async () => {
      await using opened = await underTest.open();
      const { revision } = await opened.store.commit([], [put('a', '1'), put('b', '2')]);
      const { entries } = await opened.store.list('');
      expect(entries.map((entry) => entry.revision)).toEqual([revision, revision]);
    });

    test('removes a prefix and leaves its neighbours', async () => {
      await using opened = await underTest.open();
      for (const key of ['n', 'n/', 'n/a', 'n/a/b', 'n0', 'm/a']) await write(opened.store, key, '1');
      await opened.store.commit([], [{ removePrefix: 'n/' }, { remove: 'absent' }]);
      expect(await keysOf(opened.store, '')).toEqual(['m/a', 'n', 'n0']);
      await opened.store.commit([], [{ removePrefix: '' }]);
      expect(await keysOf(opened.store, '')).toEqual([]);
    });

    test('removing what is not there succeeds and changes no revision', async () => {
      await using opened = await underTest.open();
      const before = await write(opened.store, 'a', '1');
      const removed = await opened.store.commit([], [{ remove: 'b' }, { removePrefix: 'c/' }]);
      expect(removed).toEqual({ committed: true, revision: before });
    });

    test.each([
      ['puts a key twice', [put('a', '1'), put('a', '2')]],
      ['puts and removes a key', [put('a', '1'), { remove: 'a' }]],
      ['puts a key under a prefix it removes', [{ removePrefix: 'a/' }, put('a/b', '1')]],
      ['has more than 128 writes', Array.from({ length: 129 }, (_, index) => put(`k${index}`, '1'))],
    ])('refuses a commit that %s', async (_, writes) => {
      await using opened = await underTest.open();
      await expect(opened.store.commit([], writes)).rejects.toMatchObject({ code: 'INTERNAL' });
      expect(await keysOf(opened.store, '')).toEqual([]);
    });

    test('lets exactly one of many create a key', async () => {
      await using opened = await underTest.open();
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, index) => opened.store.commit([absent('a')], [put('a', `${index}`)])),
      );
      const winners = results.flatMap(({ committed }, index) => (committed ? [`${index}`] : []));
      expect(winners).toEqual([(await opened.store.get('a'))?.value]);
    });

    test('counts exactly when many add to one counter through transact', async () => {
      await using opened = await underTest.open();
      const { store } = opened;
      const add = () =>
        transact(
          store,
          async () => {
            const entry = await store.get('counter');
            const next = Number(entry?.value ?? 0) + 1;
            const condition = entry
              ? ({ key: 'counter', is: 'at', revision: entry.revision } as const)
              : absent('counter');
            return { conditions: [condition], writes: [put('counter', `${next}`)], result: next };
          },
          { budgetMs: 25_000, maxConflicts: 1000 },
        );
      const seen = await Promise.all(Array.from({ length: 60 }, add));
      expect((await store.get('counter'))?.value).toBe('60');
      expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    });
  });

  describe('lease', () => {
    test('that is not kept alive takes its keys with it when its time is over', async () => {
      await using opened = await underTest.open();
      const { store } = opened;
      const lease = await store.grantLease({ ttlSeconds: 2, keepAlive: false });
      await store.commit([], [{ ...put('leased/a', '1'), lease }, put('free', '1')]);
      await using watch = new WatchRecorder(store, '');
      await watch.until(({ state }) => state.has('leased/a'));
      await watch.until(({ state }) => !state.has('leased/a'), 8000);
      expect(await keysOf(store, '')).toEqual(['free']);
    });

    test('that is kept alive outlives its time, and takes its keys with it when revoked', async () => {
      await using opened = await underTest.open();
      const { store } = opened;
      const lease = await store.grantLease({ ttlSeconds: 2 });
      let lost = false;
      void lease.lost.then(() => {
        lost = true;
      });
      await store.commit([], [{ ...put('a', '1'), lease }]);
      await new Promise((resolve) => setTimeout(resolve, 3600));
      expect(await keysOf(store, '')).toEqual(['a']);
      expect(lost).toBe(false);
      await lease.revoke();
      await lease.revoke();
      await lease.lost;
      expect(await keysOf(store, '')).toEqual([]);
    });

    test('lets go of a key that is written anew without it', async () => {
      await using opened = await underTest.open();
      const lease = await opened.store.grantLease({ ttlSeconds: 60 });
      await opened.store.commit(
        [],
        [
          { ...put('a', '1'), lease },
          { ...put('b', '1'), lease },
        ],
      );
      await write(opened.store, 'a', '2');
      await lease.revoke();
      expect(await keysOf(opened.store, '')).toEqual(['a']);
    });

    test('takes no more keys once it has ended', async () => {
      await using opened = await underTest.open();
      const lease = await opened.store.grantLease({ ttlSeconds: 60, keepAlive: false });
      await lease.revoke();
      const late = opened.store.commit([], [{ ...put('a', '1'), lease }]);
      await expect(late).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(await opened.store.get('a')).toBeUndefined();
    });

    test('that has ended fails only the commit that names it, not those made at the same time', async () => {
      await using opened = await underTest.open();
      const { store } = opened;
      const lease = await store.grantLease({ ttlSeconds: 60, keepAlive: false });
      await lease.revoke();
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) =>
          store.commit([], [index === 10 ? { ...put('bad', '1'), lease } : put(`good/${index}`, '1')]),
        ),
      );
      expect(results.map(({ status }) => status === 'rejected').indexOf(true)).toBe(10);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(19);
      expect(await keysOf(store, '')).toHaveLength(19);
    });
  });

  describe('watch', () => {
    test('begins with a snapshot, then tells puts and removals under its prefix only', async () => {
      await using opened = await underTest.open();
      const { store } = opened;
      const first = await write(store, 'w/a', '1');
      await write(store, 'v', '1');
      await using watch = new WatchRecorder(store, 'w/');
      await watch.until(({ batches }) => batches.length === 1);
      expect(watch.batches[0]).toMatchObject({
        type: 'snapshot',
        snapshot: { entries: [{ key: 'w/a', value: '1', revision: first, createRevision: first }] },
      });
      await write(store, 'v', '2');
      await write(store, 'w', '2');
      const second = await write(store, 'w/a', '2');
      const third = (await store.commit([], [{ removePrefix: 'w/' }])).revision;
      await watch.until(({ state }) => state.size === 0);
      const changes = watch.batches.flatMap((batch) => (batch.type === 'changes' ? batch.changes : []));
      expect(changes).toEqual([
        {
          ...{ key: 'w/a', revision: second },
          entry: { key: 'w/a', value: '2', revision: second, createRevision: first },
        },
        { key: 'w/a', revision: third, entry: undefined },
      ]);
    });

    test('misses and repeats nothing while many write at the same time', async () => {
      await using opened = await underTest.open();
      const { store } = opened;
      const writers = Array.from({ length: 10 }, async (_, writer) => {
        for (let step = 1; step <= 30; step += 1) await write(store, `w/${writer}`, `${step}`);
      });
      await using early = new WatchRecorder(store, 'w/');
      await early.until(({ batches }) => batches.length > 3);
      await using late = new WatchRecorder(store, 'w/');
      await Promise.all(writers);
      for (const watch of [early, late]) {
        await watch.until(({ state }) => [...state.values()].filter((value) => value === '30').length === 10);
        expect(watch.snapshots).toBe(1);
        expectEveryStep(watch);
      }
    });

    test('shows the state of the store at the end, whatever was removed and made meanwhile', async () => {
      await using opened = await underTest.open();
      const { store } = opened;
      await using watch = new WatchRecorder(store, '');
      await Promise.all(
        Array.from({ length: 100 }, async (_, index) => {
          await write(store, `k/${index % 17}`, `${index}`);
          if (index % 3 === 0) await store.commit([], [{ remove: `k/${(index * 7) % 17}` }]);
        }),
      );
      await write(store, 'last', '1');
      await watch.until(({ state }) => state.has('last'));
      const { entries } = await store.list('');
      expect([...watch.state].sort()).toEqual(entries.map(({ key, value }) => [key, value]).sort());
    });

    test('ends when it is told to, also while it waits', async () => {
      await using opened = await underTest.open();
      const watch = new WatchRecorder(opened.store, '');
      await watch.until(({ batches }) => batches.length === 1);
      await watch.stop();
      await write(opened.store, 'a', '1');
      expect(watch.batches).toHaveLength(1);
      const aborted = opened.store.watch('', AbortSignal.abort());
      for await (const _ of aborted) throw new Error('an aborted watch must yield nothing');
    });

    test('ends when the store is closed', async () => {
      const opened = await underTest.open();
      const watch = new WatchRecorder(opened.store, '');
      await watch.until(({ batches }) => batches.length === 1);
      await opened[Symbol.asyncDispose]();
      await watch.stop();
      await expect(opened.store.get('a')).rejects.toMatchObject({ code: 'STOPPING' });
    });
  });
});

/** Every writer's steps follow each other without a gap, and revisions only grow. */
function expectEveryStep(watch: WatchRecorder): void {
  const last = new Map<string, number>();
  let revision = 0;
  for (const batch of watch.batches) {
    if (batch.type === 'snapshot') {
      for (const { key, value } of batch.snapshot.entries) last.set(key, Number(value));
      revision = batch.snapshot.revision;
      continue;
    }
    for (const change of batch.changes) {
      if (!change.entry) throw new Error('nothing was removed');
      const { key, value } = change.entry;
      expect(Number(value)).toBe((last.get(key) ?? 0) + 1);
      expect(change.entry.revision).toBeGreaterThan(revision);
      last.set(key, Number(value));
      revision = change.entry.revision;
    }
    expect(batch.revision).toBe(revision);
  }
}
