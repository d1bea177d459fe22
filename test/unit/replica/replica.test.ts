import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { XnetError } from '../../../src/errors.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import type { Entry, Snapshot, Store, WatchBatch } from '../../../src/store/store.js';
import { muteLogger } from '../../support/loggers.js';
import { MemoryStore } from '../../support/store/memory-store.js';
import { eventually } from '../../support/time/eventually.js';

const schema = z.object({ n: z.number() });
const changeTo = (entry: Entry) => ({ key: entry.key, revision: entry.revision, entry });
const put = (key: string, n: number) => ({ put: key, value: JSON.stringify({ n }) });

/** A store in memory whose watches bring the first snapshot alone. */
class Still extends MemoryStore {
  answers = true;
  /** Of the failure, while it does not answer. */
  fields: Record<string, unknown> = {};
  first: Snapshot | undefined;
  /** In place of it. */
  batches: readonly WatchBatch[] | undefined;

  override async *watch(prefix: string, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    if (this.batches) yield* this.batches;
    else yield { type: 'snapshot' as const, snapshot: this.first ?? (await this.list(prefix)) };
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }

  override async commit(...args: Parameters<Store['commit']>) {
    const result = await super.commit(...args);
    if (!this.answers) throw new XnetError('STORE_UNAVAILABLE', 'no answer', this.fields);
    return result;
  }
}

async function open(store: Store) {
  const records = new RecordReader(muteLogger);
  const replica = new Replica(store, records);
  const view = replica.follow('a/', schema);
  await view.ready;
  return { replica, view, records };
}

test('many records are parsed in several turns of the event loop, and are there all at once', async () => {
  await using store = new Still();
  const entries = Array.from({ length: 30_000 }, (_, n) => ({
    ...{ key: `a/${n}`, value: JSON.stringify({ n }), revision: n + 1, createRevision: n + 1 },
  }));
  store.first = { revision: entries.length, entries };
  await using replica = new Replica(store, new RecordReader(muteLogger));
  const view = replica.follow('a/', schema);
  const seen = new Set<number>();
  let turns = 0;
  const look = () => {
    turns += 1;
    seen.add([...view.all()].length);
    if (!view.isReady) setImmediate(look);
  };
  setImmediate(look);
  await view.ready;
  look();
  expect(turns).toBeGreaterThan(2);
  expect([...seen]).toEqual([0, entries.length]);
});

describe('a view', () => {
  test('has what this host commits when the commit resolves, before its watch brings it', async () => {
    await using store = new Still();
    const { replica, view } = await open(store);
    await using _ = replica;
    await replica.commit([], [put('a/1', 1), put('b/1', 7)]);
    expect(view.records).toEqual([{ n: 1 }]);
    await replica.commit([], [put('a/1', 2), put('a/2', 3)]);
    expect(view.records).toEqual([{ n: 2 }, { n: 3 }]);
    expect(view.get('a/1')?.createRevision).toBeLessThan(view.get('a/1')?.revision ?? 0);
    await replica.commit([], [{ removePrefix: 'a/' }]);
    expect(view.records).toEqual([]);
  });

  test('has what was found in place of what was to be committed', async () => {
    await using store = new Still();
    const { replica, view } = await open(store);
    await using _ = replica;
    await store.commit([], [put('a/1', 1)]);
    const refused = await replica.commit([{ key: 'a/1', is: 'absent' }], [put('a/1', 2)]);
    expect(refused.committed).toBe(false);
    expect(view.records).toEqual([{ n: 1 }]);
    await store.commit([], [{ remove: 'a/1' }]);
    await replica.commit([{ key: 'a/1', is: 'present' }], [put('a/1', 2)]);
    expect(view.records).toEqual([]);
  });

  test('is not certain of a key after a commit of unknown outcome, until the key changes', async () => {
    await using store = new Still();
    const { replica, view } = await open(store);
    await using _ = replica;
    store.answers = false;
    await expect(replica.commit([], [put('a/1', 1)])).rejects.toThrow('no answer');
    expect([view.isCertain('a/1'), view.isCertain('a/2')]).toEqual([false, true]);
    await view.refresh();
    expect(view.isCertain('a/1')).toBe(true);
    expect(view.records).toEqual([{ n: 1 }]);
    await expect(replica.commit([], [{ removePrefix: 'a/' }])).rejects.toThrow('no answer');
    expect(view.isCertain('a/1')).toBe(false);
  });

  test('is certain of a key after a commit that was certainly not applied', async () => {
    await using store = new Still();
    const { replica, view } = await open(store);
    await using _ = replica;
    store.answers = false;
    store.fields = { applied: false };
    await expect(replica.commit([], [put('a/1', 1)])).rejects.toThrow('no answer');
    expect(view.isCertain('a/1')).toBe(true);
  });

  test('gives the keys that changed, with what was there before', async () => {
    await using store = new MemoryStore();
    const { replica, view } = await open(store);
    await using _ = replica;
    const seen: unknown[] = [];
    const forget = view.onChange((changes) => {
      for (const [key, { before, now }] of changes) seen.push([key, before?.record?.n, now?.record?.n]);
    });
    await store.commit([], [put('a/1', 1)]);
    await eventually(() => expect(seen).toEqual([['a/1', undefined, 1]]));
    await replica.commit([], [put('a/1', 2)]);
    await store.commit([], [{ remove: 'a/1' }]);
    await eventually(() =>
      expect(seen.slice(1)).toEqual([
        ['a/1', 1, 2],
        ['a/1', 2, undefined],
      ]),
    );
    forget();
    await replica.commit([], [put('a/1', 3)]);
    expect(seen).toHaveLength(3);
  });

  test('gives a key that changes twice at once with what was there before the first change', async () => {
    await using store = new Still();
    const entry = (n: number, revision: number) => ({
      ...{ key: 'a/1', value: JSON.stringify({ n }), revision, createRevision: 5 },
    });
    store.batches = [
      { type: 'snapshot', snapshot: { revision: 5, entries: [entry(1, 5)] } },
      { type: 'changes', revision: 7, changes: [changeTo(entry(2, 6)), changeTo(entry(3, 7))] },
    ];
    await using replica = new Replica(store, new RecordReader(muteLogger));
    const view = replica.follow('a/', schema);
    const seen: unknown[] = [];
    view.onChange((changes) => {
      for (const { before, now } of changes.values()) seen.push([before?.record?.n, now?.record?.n]);
    });
    await eventually(() =>
      expect(seen).toEqual([
        [undefined, 1],
        [1, 3],
      ]),
    );
  });

  test('leaves alone what it cannot read, and says so as long as it is there', async () => {
    await using store = new MemoryStore();
    await store.commit([], [{ put: 'a/1', value: '{"n":"one"}' }, put('a/10', 1)]);
    const { replica, view, records } = await open(store);
    await using _ = replica;
    expect(view.records).toEqual([{ n: 1 }]);
    expect([...view.all()].map(({ key, record }) => [key, record])).toContainEqual(['a/1', undefined]);
    expect(records.problems[0]).toMatch(/a\/1;/);
    await replica.commit([], [put('a/1', 5)]);
    expect(records.problems).toEqual([]);
  });

  test('has only the keys that are wanted', async () => {
    await using store = new MemoryStore();
    await using replica = new Replica(store, new RecordReader(muteLogger));
    const view = replica.follow('a/', schema, (key) => key.endsWith('/me'));
    await replica.commit([], [put('a/me', 1), { put: 'a/you', value: 'not read' }]);
    await view.ready;
    expect(view.records).toEqual([{ n: 1 }]);
  });

  test('goes back with a restored store, by the revisions of keys that are not wanted too', async () => {
    await using store = new Still();
    const entry = (key: string, n: number, revision: number) => ({
      ...{ key, value: JSON.stringify({ n }), revision, createRevision: 2 },
    });
    const restored = { revision: 7, entries: [entry('a/me', 1, 2)] };
    store.list = async () => restored;
    store.batches = [
      { type: 'snapshot', snapshot: { revision: 5, entries: [entry('a/me', 2, 4)] } },
      { type: 'changes', revision: 9, changes: [changeTo(entry('a/you', 3, 9))] },
      { type: 'snapshot', snapshot: restored },
    ];
    await using replica = new Replica(store, new RecordReader(muteLogger));
    const view = replica.follow('a/', schema, (key) => key === 'a/me');
    await eventually(() => expect(view.records).toEqual([{ n: 1 }]), 1_000);
  });

  test('has what the watch brings late, though a change of this host’s own came before', async () => {
    await using store = new Still();
    const entry = (key: string, revision: number) => ({
      key,
      value: '{"n":1}',
      revision,
      createRevision: revision,
    });
    store.batches = [
      { type: 'snapshot', snapshot: { revision: 5, entries: [] } },
      { type: 'changes', revision: 9, changes: [changeTo(entry('a/own', 9))], isAhead: true },
      { type: 'snapshot', snapshot: { revision: 9, entries: [entry('a/other', 7), entry('a/own', 9)] } },
    ];
    const { replica, view } = await open(store);
    await using _ = replica;
    await eventually(() => expect(view.records).toHaveLength(2));
  });

  test('is current once the store itself has answered', async () => {
    await using store = new Still();
    store.first = { revision: 0, entries: [], recalled: true };
    const { replica, view } = await open(store);
    await using _ = replica;
    expect([view.isReady, view.isCurrent]).toEqual([true, false]);
    await using other = new Still();
    const answered = await open(other);
    await using __ = answered.replica;
    expect(answered.view.isCurrent).toBe(true);
  });
});
