/** The calls of the etcd store behind a network that fails. */

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { transact } from '../../../src/store/transact.js';
import { type EtcdCluster, startEtcd } from '../../support/store/etcd.js';
import { openBehindProxy } from '../../support/store/etcd-behind-proxy.js';
import { expectInTime } from '../../support/time/in-time.js';

let cluster: EtcdCluster;

beforeAll(async () => {
  cluster = await startEtcd();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

async function failureOf(call: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const startedAt = Date.now();
  const error = await call.then(
    () => new Error('it succeeded'),
    (thrown: unknown) => thrown,
  );
  return { error, ms: Date.now() - startedAt };
}

describe('calls', () => {
  test('say within the budget which endpoint refuses connections, and work once it does not', async () => {
    await using opened = await openBehindProxy(cluster);
    const { proxy, store, url } = opened;
    await proxy.refuse();
    const [read, commit] = await Promise.all([
      failureOf(store.get('a')),
      failureOf(store.commit([], [{ put: 'a', value: '1' }])),
    ]);
    for (const { error, ms } of [read, commit]) {
      expect(error).toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: `etcd at ${url}: connection refused (see that it runs and that this host reaches it)`,
      });
      expectInTime(ms, 5500);
    }
    await proxy.accept();
    await store.commit([], [{ put: 'a', value: '2' }]);
    expect((await store.get('a'))?.value).toBe('2');
  });

  test('outlast a short refusal without their caller noticing', async () => {
    await using opened = await openBehindProxy(cluster);
    const { proxy, store } = opened;
    await proxy.refuse();
    const calls = Promise.all([store.list(''), store.commit([], [{ put: 'a', value: '1' }])]);
    await delay(1500);
    await proxy.accept();
    expect((await calls)[1].committed).toBe(true);
  });

  test('end within the budget while nothing gets through, and work soon after', async () => {
    await using opened = await openBehindProxy(cluster);
    const { proxy, store, url } = opened;
    await store.get('a');
    proxy.pause();
    const failures = await Promise.all([
      failureOf(store.get('a')),
      failureOf(store.commit([], [{ put: 'a', value: '1' }])),
      failureOf(store.grantLease({ ttlSeconds: 60 })),
    ]);
    for (const { error, ms } of failures) {
      expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining(url) });
      expectInTime(ms, 5500);
    }
    proxy.resume();
    await store.get('a');
  });
});

describe('a commit whose reply is lost', () => {
  test('is reported as unknown though it was applied, and not repeated by the store', async () => {
    await using opened = await openBehindProxy(cluster);
    const { proxy, store, direct } = opened;
    await store.get('a');
    proxy.pauseReplies();
    const { error, ms } = await failureOf(store.commit([], [{ put: 'a', value: '1' }]));
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expectInTime(ms, 5500);
    const entry = await direct.get('a');
    expect(entry?.value).toBe('1');
    expect(entry?.createRevision).toBe(entry?.revision);
  });

  test('is recognised by transact, so that a claim is made once', async () => {
    await using opened = await openBehindProxy(cluster);
    const { proxy, store, direct } = opened;
    await store.get('a');
    const claim = 'claim-1';
    const claimFirstFree = () =>
      transact(store, async () => {
        const { entries } = await store.list('slots/');
        const mine = entries.find(({ value }) => value === claim);
        if (mine) return { result: mine.key };
        const key = `slots/${entries.length}`;
        return { conditions: [{ key, is: 'absent' }], writes: [{ put: key, value: claim }], result: key };
      });
    const claimed = claimFirstFree();
    await direct.get('a');
    proxy.pauseReplies();
    // The first list may have been answered before; the commit's reply is certainly held or cut.
    await delay(3000);
    proxy.cut();
    proxy.resume();
    expect(await claimed).toBe('slots/0');
    expect((await direct.list('slots/')).entries.map(({ value }) => value)).toEqual([claim]);
  });
});
