/** etcd put back to an older backup: revisions go back, and what was written since is gone. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { PoolView } from '../../../src/ipam/pools/pool-view.js';
import { keys } from '../../../src/model/keys.js';
import { Replica } from '../../../src/replica/replica.js';
import { EtcdCalls } from '../../../src/store/etcd/etcd-calls.js';
import { EtcdKeys } from '../../../src/store/etcd/etcd-keys.js';
import { EtcdStore } from '../../../src/store/etcd/etcd-store.js';
import { watchEtcd } from '../../../src/store/etcd/watch/etcd-watch.js';
import { RevisionReads } from '../../../src/store/etcd/watch/revision-reads.js';
import { ownershipOf } from '../../../src/store/known/own-keys.js';
import { FailStaticStore } from '../../../src/store/outage/fail-static-store.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import type { Store } from '../../../src/store/store.js';
import { muteLogger } from '../../support/loggers.js';
import { type EtcdCluster, startEtcd } from '../../support/store/etcd.js';
import { WatchRecorder } from '../../support/store/watch-recorder.js';
import { eventually } from '../../support/time/eventually.js';

let cluster: EtcdCluster;
let prefixes = 0;

beforeAll(async () => {
  cluster = await startEtcd();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

let prefix: string;
beforeEach(() => {
  prefixes += 1;
  prefix = `/restore-${prefixes}/`;
});

const options = () => ({ endpoints: [`http://${cluster.member(0).address}`], prefix });

async function put(store: Store, key: string, value = '1'): Promise<void> {
  await store.commit([], [{ put: key, value }]);
}

/** As many commits as the backup must not make up for by those that follow it. */
async function putMany(store: EtcdStore): Promise<void> {
  for (let step = 1; step <= 50; step += 1) await put(store, 'later', `${step}`);
}

test('a watch tells what is there again and what is gone, and then what comes', async () => {
  await using store = new EtcdStore(options());
  await put(store, 'a', '1');
  const backup = await cluster.backUp();
  await put(store, 'a', '2');
  await putMany(store);
  await using watch = new WatchRecorder(store, '');
  await watch.until(({ state }) => state.get('later') === '50');
  await cluster.restore(backup);
  await watch.until(({ state }) => state.get('a') === '1' && !state.has('later'));
  await put(store, 'b');
  await watch.until(({ state }) => state.has('b'));
});

test('a lease that was granted since is known to be lost', async () => {
  await using store = new EtcdStore(options());
  const backup = await cluster.backUp();
  const lease = await store.grantLease({ ttlSeconds: 3 });
  await cluster.restore(backup);
  await lease.lost;
});

test('a watch that begins after what was listed just before notices, and lists anew', async () => {
  await using store = new EtcdStore(options());
  await put(store, 'a', '1');
  const backup = await cluster.backUp();
  await put(store, 'a', '2');
  await putMany(store);
  const before = await store.list('');
  await cluster.restore(backup);
  const calls = new EtcdCalls(options());
  const snapshots = [before];
  const revisionNow = async () => (await store.list('')).revision;
  const reads = new RevisionReads(revisionNow, calls.timeouts.watchCheckMs, new AbortController().signal);
  const source = {
    ...{ calls, keys: new EtcdKeys(prefix) },
    list: async () => snapshots.pop() ?? store.list(''),
    nextRevision: () => reads.next(),
    reconnected: () => new AbortController().signal,
  };
  await using watch = new WatchRecorder({ watch: (of, signal) => watchEtcd(source, of, signal) }, '');
  await watch.until(({ state }) => state.get('a') === '2');
  await watch.until(({ state }) => state.get('a') === '1', 8000);
  await put(store, 'b');
  await watch.until(({ state }) => state.has('b'));
  calls.close();
});

test('the past is kept until it is compacted, and is another after a restore, also at revisions that it has reached again', async () => {
  await using store = new EtcdStore(options());
  await put(store, 'a', '1');
  const backup = await cluster.backUp();
  await put(store, 'a', '2');
  const { revision } = await store.list('');
  await put(store, 'b');
  const valueThen = async () => {
    const past = await store.past('', revision);
    return typeof past === 'string' ? past : past.map(({ key, value }) => `${key}=${value}`).join();
  };
  expect(await valueThen()).toBe('a=2');
  await cluster.restore(backup);
  expect(await valueThen()).toBe('to come');
  await putMany(store);
  expect(await valueThen()).toBe('a=1,later=1');
  await cluster.ctl(['compaction', `${(await store.list('')).revision}`]);
  expect(await valueThen()).toBe('forgotten');
});

test('a host puts back what the store lost, though more has been written to it since', async () => {
  const stateDirectory = await mkdtemp(join(tmpdir(), 'xnet-restore-'));
  const said: string[] = [];
  const note = (text: string) => void said.push(text);
  const logger = { error: note, warn: note, info: note, debug: () => undefined };
  await using etcd = new EtcdStore(options());
  const open = async () => {
    const inner = new EtcdStore(options());
    return FailStaticStore.open(inner, { stateDirectory, ownership: ownershipOf('me'), logger });
  };
  {
    await using host = await open();
    const backup = await cluster.backUp();
    await put(host, keys.name('shop'), 'n');
    await host.list(keys.names());
    await host[Symbol.asyncDispose]();
    await cluster.restore(backup);
  }
  await putMany(etcd);
  await using host = await open();
  await host.list(keys.names());
  await eventually(async () => expect((await etcd.get(keys.name('shop')))?.value).toBe('n'));
  await rm(stateDirectory, { recursive: true });
});

test('the view of a pool forgets addresses that were claimed since', async () => {
  await using store = new EtcdStore(options());
  const pool = 'xnet-local~10.1.0.0/24';
  await put(store, keys.address(pool, '10.1.0.2'));
  const backup = await cluster.backUp();
  await put(store, keys.address(pool, '10.1.0.3'));
  await putMany(store);
  const replica = new Replica(store, new RecordReader(muteLogger));
  await using view = new PoolView(replica, pool);
  await view.ready();
  const known = () => [...view.addresses.values()].map(({ address }) => Number(address & 255n));
  expect(known()).toEqual([2, 3]);
  await cluster.restore(backup);
  await eventually(() => expect(known()).toEqual([2]));
  await put(store, keys.address(pool, '10.1.0.4'));
  await eventually(() => expect(known()).toEqual([2, 4]));
});
