/** Lists of the etcd store that take several calls. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type EtcdCluster, startEtcd } from '../../support/store/etcd.js';
import { openBehindProxy } from '../../support/store/etcd-behind-proxy.js';

/** Three pages and a half. */
const COUNT = 3500;

let cluster: EtcdCluster;

beforeAll(async () => {
  cluster = await startEtcd();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const keyOf = (n: number) => `many/${`${n}`.padStart(5, '0')}`;

async function openWithMany(timeouts = {}) {
  const opened = await openBehindProxy(cluster, timeouts);
  for (let start = 0; start < COUNT; start += 100) {
    const writes = Array.from({ length: 100 }, (_, n) => ({ put: keyOf(start + n), value: `${start + n}` }));
    await opened.direct.commit([], writes);
  }
  await opened.put('manyfold', 'not under the prefix');
  return opened;
}

/** Lists through the proxy; between the first two pages, `work` is done. */
async function listWith(opened: Awaited<ReturnType<typeof openWithMany>>, work: () => Promise<unknown>) {
  const { proxy, store } = opened;
  let pages = 1;
  let done: Promise<unknown> | undefined;
  const onProgress = () => {
    pages += 1;
    if (pages > 2) return;
    proxy.pauseReplies();
    done = work().finally(() => proxy.resume());
  };
  const snapshot = await store.list('many/', { onProgress });
  await done;
  return { ...snapshot, pages };
}

test('all is there, in order, as it stood at one revision, whatever is written meanwhile', async () => {
  await using opened = await openWithMany();
  const { direct, put } = opened;
  const before = (await direct.list('')).revision;
  const { entries, revision, pages } = await listWith(opened, async () => {
    await put(keyOf(COUNT - 1), 'changed');
    await put(`${keyOf(2500)}a`, 'new');
    await direct.commit([], [{ remove: keyOf(2000) }]);
  });
  expect(revision).toBe(before);
  expect(entries.map(({ key }) => key)).toEqual(Array.from({ length: COUNT }, (_, n) => keyOf(n)));
  expect(entries.at(-1)?.value).toBe(`${COUNT - 1}`);
  expect(pages).toBe(4);
});

test('a list that a compaction overtakes begins anew, and has what is there then', async () => {
  await using opened = await openWithMany();
  const { direct, put } = opened;
  const { entries } = await listWith(opened, async () => {
    await put(keyOf(0), 'changed');
    await direct.commit([], [{ remove: keyOf(2000) }]);
    await cluster.ctl(['compaction', `${(await direct.list('none/')).revision}`]);
  });
  expect(entries).toHaveLength(COUNT - 1);
  expect(entries[0]?.value).toBe('changed');
});

test('the past is read in pages too, and is forgotten when it was compacted', async () => {
  await using opened = await openWithMany();
  const { direct, put, store } = opened;
  const { revision } = await direct.list('none/');
  await put(keyOf(COUNT - 1), 'changed');
  const past = await store.past('many/', revision);
  expect(past).toHaveLength(COUNT);
  expect(Array.isArray(past) && past.at(-1)?.value).toBe(`${COUNT - 1}`);
  await cluster.ctl(['compaction', `${revision + 1}`]);
  expect(await store.past('many/', revision)).toBe('forgotten');
  expect(await store.past('many/', revision + 1000)).toBe('to come');
});

test('each page has the time of a call, so that a slow list is no failure', async () => {
  const timeouts = { tryMs: 400, budgetMs: 500 };
  await using opened = await openWithMany(timeouts);
  const { proxy, store } = opened;
  await store.get('ready');
  const startedAt = performance.now();
  const onProgress = () => {
    proxy.pauseReplies();
    setTimeout(() => proxy.resume(), 250);
  };
  expect((await store.list('many/', { onProgress })).entries).toHaveLength(COUNT);
  expect(performance.now() - startedAt).toBeGreaterThan(timeouts.budgetMs);
});
