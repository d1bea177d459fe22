/** Watches of the etcd store behind a network that fails. */

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type EtcdCluster, startEtcd } from '../../support/store/etcd.js';
import { openBehindProxy } from '../../support/store/etcd-behind-proxy.js';
import { WatchRecorder } from '../../support/store/watch-recorder.js';

let cluster: EtcdCluster;

beforeAll(async () => {
  cluster = await startEtcd();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

describe('a watch', () => {
  test('that is cut again and again ends up with every change', async () => {
    await using opened = await openBehindProxy(cluster);
    const { proxy, store, put } = opened;
    await using watch = new WatchRecorder(store, '');
    await watch.until(({ snapshots }) => snapshots === 1);
    for (let step = 1; step <= 20; step += 1) {
      await put(`k/${step}`, `${step}`);
      if (step % 5 === 0) proxy.cut();
      await delay(50);
    }
    await watch.until(({ state }) => state.size === 20);
    expect(watch.snapshots).toBeGreaterThan(1);
  });

  test('tells after a compaction while it was disconnected what is there and what is gone', async () => {
    await using opened = await openBehindProxy(cluster);
    const { proxy, store, put, direct } = opened;
    await put('old', '1');
    await using watch = new WatchRecorder(store, '');
    await watch.until(({ state }) => state.has('old'));
    await proxy.refuse();
    await direct.commit([], [{ remove: 'old' }]);
    for (let step = 1; step <= 10; step += 1) await put('new', `${step}`);
    const { revision } = await direct.list('');
    await cluster.ctl(['compaction', `${revision}`]);
    await proxy.accept();
    await watch.until(({ state }) => state.get('new') === '10' && !state.has('old'));
    await put('later', '1');
    await watch.until(({ state }) => state.has('later'));
  });

  test('through which nothing comes any more is made anew when the network is back', async () => {
    await using opened = await openBehindProxy(cluster);
    const { proxy, store, put } = opened;
    await using watch = new WatchRecorder(store, '');
    await watch.until(({ snapshots }) => snapshots === 1);
    proxy.pause();
    await put('a', '1');
    await delay(11_000);
    expect(watch.state.has('a')).toBe(false);
    proxy.resume();
    await watch.until(({ state }) => state.has('a'), 8000);
    await put('a', '2');
    await watch.until(({ state }) => state.get('a') === '2');
  });

  test('begun while etcd is away yields its snapshot when etcd is there', async () => {
    await using opened = await openBehindProxy(cluster);
    const { proxy, store, put } = opened;
    await put('a', '1');
    await proxy.refuse();
    await using watch = new WatchRecorder(store, '');
    await delay(6000);
    expect(watch.batches).toEqual([]);
    await proxy.accept();
    await watch.until(({ state }) => state.has('a'));
  });

  test('that ends disturbs no commit beside it, also when the connection is due for a ping', async () => {
    await using opened = await openBehindProxy(cluster);
    const { store } = opened;
    const watches = [1, 2, 3].map(() => new WatchRecorder(store, ''));
    for (const watch of watches) await watch.until(({ snapshots }) => snapshots === 1);
    await delay(6500);
    const ended = Promise.all(watches.map((watch) => watch.stop()));
    const commits = Array.from({ length: 300 }, (_, index) =>
      store.commit([], [{ put: `k/${index}`, value: '1' }]),
    );
    await Promise.all([ended, ...commits]);
    expect((await store.list('k/')).entries).toHaveLength(300);
  });
});
