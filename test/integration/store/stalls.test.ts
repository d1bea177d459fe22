/** A daemon whose own event loop stands still, on a loaded machine or for work of its own, does not take that for etcd's absence. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { keys } from '../../../src/model/keys.js';
import { EtcdStore } from '../../../src/store/etcd/etcd-store.js';
import { ownershipOf } from '../../../src/store/known/own-keys.js';
import { FailStaticStore } from '../../../src/store/outage/fail-static-store.js';
import { muteLogger } from '../../support/loggers.js';
import { type EtcdCluster, startEtcd } from '../../support/store/etcd.js';
import { WatchRecorder } from '../../support/store/watch-recorder.js';
import { eventually } from '../../support/time/eventually.js';

const NET = 'aaaaaaaaaaaa';
/** Longer than every limit of a try. */
const STALL_MS = 3_000;

let cluster: EtcdCluster;
beforeAll(async () => {
  cluster = await startEtcd();
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** Nothing else happens in this process meanwhile. */
function block(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

async function openStore(warnings: string[]) {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-stalls-'));
  const etcd = new EtcdStore({ endpoints: [`http://${cluster.member(0).address}`], prefix: `${directory}/` });
  const logger = { ...muteLogger, warn: (text: string) => void warnings.push(text) };
  const store = await FailStaticStore.open(etcd, {
    stateDirectory: directory,
    ownership: ownershipOf('me'),
    logger,
  });
  const close = async () => {
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  };
  return { store, [Symbol.asyncDispose]: close };
}

const endpoint = (id: string) =>
  JSON.stringify({
    ...{ version: 1, id, networkId: NET, dockerNetworkId: 'd', hostId: 'me' },
    ...{ addresses: ['10.1.0.2'], mac: '02:00:00:00:00:01' },
  });

test('calls under way are answered, watches go on, and the lease lives, however long the event loop stands still', async () => {
  const warnings: string[] = [];
  await using opened = await openStore(warnings);
  const { store } = opened;
  await using recorder = new WatchRecorder(store, keys.endpointsOf(NET));
  await recorder.until(({ snapshots }) => snapshots === 1);
  const lease = await store.grantLease({ ttlSeconds: 20 });
  await store.commit([], [{ put: 'alive', value: 'me', lease }]);
  for (const [round, afterMs] of [0, 5, 1500].entries()) {
    const id = `e${round}`;
    const calls = [
      store.commit([], [{ put: keys.endpoint(NET, id), value: endpoint(id) }]),
      store.commit([{ key: `k/${round}`, is: 'absent' }], [{ put: `k/${round}`, value: 'v' }]),
      store.get(`k/${round}`),
      store.list(keys.endpointsOf(NET)),
      store.grantLease({ ttlSeconds: 60, keepAlive: false }),
    ];
    await pause(afterMs);
    block(STALL_MS);
    const [own, common] = await Promise.all(calls);
    expect([own, common]).toEqual([
      { committed: true, revision: expect.any(Number) },
      expect.objectContaining({ committed: true }),
    ]);
    expect(store.away).toBe(false);
    await eventually(() => expect(recorder.state.has(keys.endpoint(NET, id))).toBe(true));
  }
  expect(recorder.snapshots).toBe(1);
  expect(warnings).toEqual([]);
  expect((await store.get('alive'))?.value).toBe('me');
}, 90_000);

test('a watch goes on after stalls between which nothing but timers has its turn', async () => {
  const warnings: string[] = [];
  await using opened = await openStore(warnings);
  const { store } = opened;
  await using recorder = new WatchRecorder(store, keys.endpointsOf(NET));
  await recorder.until(({ snapshots }) => snapshots === 1);
  await pause(1000);
  for (let round = 0; round < 5; round += 1) {
    block(STALL_MS);
    await pause(1);
  }
  await store.commit([], [{ put: keys.endpoint(NET, 'e1'), value: endpoint('e1') }]);
  await recorder.until(({ state }) => state.has(keys.endpoint(NET, 'e1')));
  await pause(3000);
  expect(recorder.snapshots).toBe(1);
  expect(warnings).toEqual([]);
}, 90_000);
