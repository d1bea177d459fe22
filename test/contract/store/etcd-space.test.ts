/** An etcd whose space is used up: it takes no writes until somebody has made room and disarmed its alarm. */
import { expect, test } from '@jest/globals';
import { EtcdStore } from '../../../src/store/etcd/etcd-store.js';
import { transact } from '../../../src/store/transact.js';
import { startEtcd } from '../../support/store/etcd.js';
import { WatchRecorder } from '../../support/store/watch-recorder.js';
import { expectInTime } from '../../support/time/in-time.js';

const MEGABYTE = 'x'.repeat(1024 * 1024);

test('writes are refused at once with the remedy, reads, removals and watches go on, and after the remedy all does', async () => {
  await using cluster = await startEtcd({ extraArguments: ['--quota-backend-bytes', `${8 * 1024 * 1024}`] });
  const options = { endpoints: [`http://${cluster.member(0).address}`], prefix: '/space/' };
  await using store = new EtcdStore(options);
  const put = (key: string, value: string) =>
    transact(store, async () => ({ result: key, conditions: [], writes: [{ put: key, value }] }));
  await using watch = new WatchRecorder(store, '');
  const fill = async () => {
    for (let step = 1; step <= 20; step += 1) await put('big', MEGABYTE);
  };
  await expect(fill()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });

  const startedAt = Date.now();
  const refusal = await put('a', '1').catch((error: unknown) => error);
  expectInTime(Date.now() - startedAt, 1000);
  expect(refusal).toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringMatching(/has no space left.*compact and defragment.*etcdctl alarm disarm/),
    fields: { applied: false },
  });
  await expect(store.grantLease({ ttlSeconds: 60 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  const { entries, revision } = await store.list('');
  expect(entries.map(({ key }) => key)).toEqual(['big']);
  await store.commit([], [{ remove: 'big' }]);
  await watch.until(({ batches, state }) => batches.length > 1 && state.size === 0);

  await cluster.ctl(['compaction', `${revision + 1}`]);
  await cluster.ctl(['defrag']);
  await cluster.ctl(['alarm', 'disarm']);
  await put('a', '1');
  await watch.until(({ state }) => state.get('a') === '1');
});
