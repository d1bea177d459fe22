/** Leases of the etcd store behind a network that fails. */

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type EtcdCluster, startEtcd } from '../../support/store/etcd.js';
import { openBehindProxy } from '../../support/store/etcd-behind-proxy.js';

let cluster: EtcdCluster;

beforeAll(async () => {
  cluster = await startEtcd();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

describe('a lease', () => {
  test('that is kept alive survives a disconnection shorter than its time', async () => {
    await using opened = await openBehindProxy(cluster);
    const { proxy, store, direct } = opened;
    const lease = await store.grantLease({ ttlSeconds: 6 });
    await store.commit([], [{ put: 'a', value: '1', lease }]);
    await delay(2500);
    await proxy.refuse();
    await delay(2000);
    await proxy.accept();
    await delay(5000);
    expect(await direct.get('a')).toBeDefined();
  });

  test('is known to be lost when etcd says so', async () => {
    await using opened = await openBehindProxy(cluster);
    const lease = await opened.store.grantLease({ ttlSeconds: 3 });
    await cluster.ctl(['lease', 'revoke', BigInt(lease.id).toString(16)]);
    await lease.lost;
  });
});
