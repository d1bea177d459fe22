/** The etcd store on a cluster of three whose members die, freeze and come back. */

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EtcdStore } from '../../../src/store/etcd/etcd-store.js';
import { transact } from '../../../src/store/transact.js';
import { type EtcdCluster, startEtcd } from '../../support/store/etcd.js';
import { WatchRecorder } from '../../support/store/watch-recorder.js';
import { expectInTime } from '../../support/time/in-time.js';

let cluster: EtcdCluster;
let prefixes = 0;

beforeAll(async () => {
  cluster = await startEtcd({ members: 3 });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const endpoints = () => cluster.members.map(({ address }) => `http://${address}`);

function open(): EtcdStore {
  prefixes += 1;
  return new EtcdStore({ endpoints: endpoints(), prefix: `/cluster-${prefixes}/` });
}

/** Adds 1 to `counter` again and again, each addition recognisable, until `count` are made. */
async function addMany(store: EtcdStore, writer: string, count: number): Promise<void> {
  for (let step = 1; step <= count; step += 1) {
    const key = `steps/${writer}/${step}`;
    await transact(
      store,
      async () => {
        const [counter, made] = await Promise.all([store.get('counter'), store.get(key)]);
        if (made) return { result: undefined };
        return {
          conditions: [
            counter
              ? { key: 'counter', is: 'at', revision: counter.revision }
              : { key: 'counter', is: 'absent' },
            { key, is: 'absent' },
          ],
          writes: [
            { put: 'counter', value: `${Number(counter?.value ?? 0) + 1}` },
            { put: key, value: writer },
          ],
          result: undefined,
        };
      },
      { budgetMs: 30_000, maxConflicts: 1000 },
    );
    await delay(20);
  }
}

/** Counts with three writers while `disturb` runs; every addition must be there once, and watched. */
async function expectExactCount(disturb: () => Promise<void>): Promise<void> {
  await using writer = open();
  await using watch = new WatchRecorder(writer, '');
  const writing = Promise.all(['a', 'b', 'c'].map((name) => addMany(writer, name, 60)));
  await delay(300);
  await Promise.all([disturb(), writing]);
  expect((await writer.get('counter'))?.value).toBe('180');
  expect((await writer.list('steps/')).entries).toHaveLength(180);
  await watch.until(({ state }) => state.size === 181 && state.get('counter') === '180', 15_000);
}

describe('while members are killed one after another', () => {
  test('no write is lost or made twice, and the watch ends up with all', async () => {
    await expectExactCount(async () => {
      for (const [index, member] of cluster.members.entries()) {
        await member.kill();
        await delay(2500);
        member.start();
        await cluster.ready(index);
      }
    });
  }, 60_000);
});

describe('while a member is frozen', () => {
  test.each([0, 1, 2])(
    '(member %i) no write is lost or made twice',
    async (index) => {
      await expectExactCount(async () => {
        cluster.member(index).freeze();
        await delay(5000);
        cluster.member(index).thaw();
      });
      await cluster.ready(index);
    },
    60_000,
  );

  test('a watch on it goes on elsewhere within about 10 s, and hears what it missed', async () => {
    await using other = open();
    await using store = new EtcdStore({ endpoints: startingWith(1), prefix: `/cluster-${prefixes}/` });
    await using watch = new WatchRecorder(store, '');
    await watch.until(({ snapshots }) => snapshots === 1);
    cluster.member(1).freeze();
    try {
      // Read first: if the leader was frozen, the others elect one meanwhile.
      await other.get('a');
      await other.commit([], [{ put: 'a', value: '1' }]);
      await watch.until(({ state }) => state.has('a'), 12_000);
    } finally {
      cluster.member(1).thaw();
    }
    await cluster.ready(1);
  }, 60_000);
});

function startingWith(index: number): string[] {
  const all = endpoints();
  return [...all.slice(index), ...all.slice(0, index)];
}

describe('while most members are frozen', () => {
  test('calls fail within the budget naming every endpoint, and work again without a restart', async () => {
    await using store = open();
    await store.commit([], [{ put: 'a', value: '1' }]);
    await using watch = new WatchRecorder(store, '');
    await watch.until(({ state }) => state.has('a'));
    cluster.member(0).freeze();
    cluster.member(1).freeze();
    try {
      const startedAt = Date.now();
      const error = await store.get('a').catch((thrown: unknown) => thrown);
      expectInTime(Date.now() - startedAt, 5500);
      expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
      for (const endpoint of endpoints()) expect(String(error)).toContain(endpoint);
    } finally {
      cluster.member(0).thaw();
      cluster.member(1).thaw();
    }
    await Promise.all([0, 1, 2].map((index) => cluster.ready(index)));
    await store.commit([], [{ put: 'b', value: '1' }]);
    await watch.until(({ state }) => state.has('b'), 15_000);
  }, 60_000);

  test('a lease kept alive is still there afterwards when that was shorter than its time', async () => {
    await using store = open();
    const lease = await store.grantLease({ ttlSeconds: 7 });
    await store.commit([], [{ put: 'a', value: '1', lease }]);
    for (const member of [0, 1]) cluster.member(member).freeze();
    await delay(3000);
    for (const member of [0, 1]) cluster.member(member).thaw();
    await delay(8500);
    expect(await store.get('a')).toBeDefined();
    await lease.revoke();
  }, 60_000);
});

describe('after all members were restarted', () => {
  test('a store opened before goes on', async () => {
    await using store = open();
    await store.commit([], [{ put: 'a', value: '1' }]);
    await using watch = new WatchRecorder(store, '');
    await watch.until(({ state }) => state.has('a'));
    await Promise.all(cluster.members.map((member) => member.kill()));
    for (const member of cluster.members) member.start();
    await Promise.all([0, 1, 2].map((index) => cluster.ready(index)));
    expect((await store.get('a'))?.value).toBe('1');
    await store.commit([], [{ put: 'a', value: '2' }]);
    await watch.until(({ state }) => state.get('a') === '2', 15_000);
  }, 60_000);
});
