/** Leases of the etcd store behind a network that fails. */

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type EtcdCluster, startEtcd } from '../../support/store/etcd.js';
import { openBehindProxy } from '../../support/store/etcd-behind-proxy.js';

type Opened = Awaited<ReturnType<typeof openBehindProxy>>;

let cluster: EtcdCluster;

beforeAll(async () => {
  cluster = await startEtcd();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** Streams of renewals that the member has taken since its start, by its own count. */
async function startedStreams({ members: [member] }: EtcdCluster): Promise<number> {
  const metrics = await (await fetch(`http://${member?.address}/metrics`)).text();
  return Number(
    /^grpc_server_started_total\{grpc_method="LeaseKeepAlive",.* (\d+)$/m.exec(metrics)?.[1] ?? 0,
  );
}

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

  test('is renewed on one stream, as long as that works', async () => {
    await using opened = await openBehindProxy(cluster);
    const opens = () => startedStreams(cluster);
    const before = await opens();
    const lease = await opened.store.grantLease({ ttlSeconds: 2 });
    await delay(5000);
    expect((await opens()) - before).toBe(1);
    await lease.revoke();
  });

  test('is renewed on another connection when that of its stream falls silent, is cut or is given up', async () => {
    const events: ((opened: Opened) => void)[] = [
      ({ proxy }) => proxy.pause(),
      ({ proxy }) => proxy.cut(),
      ({ store }) => store.reconnect(),
    ];
    const survive = async (event: (opened: Opened) => void) => {
      await using opened = await openBehindProxy(cluster);
      const { proxy, store, direct } = opened;
      const lease = await store.grantLease({ ttlSeconds: 5 });
      await store.commit([], [{ put: 'a', value: '1', lease }]);
      // Renewed once, so that there is a stream.
      await delay(2200);
      event(opened);
      await delay(1600);
      proxy.resume();
      await delay(6500);
      expect(await direct.get('a')).toBeDefined();
    };
    await Promise.all(events.map(survive));
  });

  test('is known to be lost when etcd says so', async () => {
    await using opened = await openBehindProxy(cluster);
    const lease = await opened.store.grantLease({ ttlSeconds: 3 });
    await cluster.ctl(['lease', 'revoke', BigInt(lease.id).toString(16)]);
    await lease.lost;
  });
});
