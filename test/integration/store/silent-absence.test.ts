/** An idle host, of which nobody asks anything, finds out that etcd is away, and that it is back. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { keys } from '../../../src/model/keys.js';
import { EtcdStore } from '../../../src/store/etcd/etcd-store.js';
import { ownershipOf } from '../../../src/store/known/own-keys.js';
import { FailStaticStore } from '../../../src/store/outage/fail-static-store.js';
import { muteLogger } from '../../support/loggers.js';
import { startEtcd } from '../../support/store/etcd.js';
import { TcpProxy } from '../../support/store/tcp-proxy.js';
import { WatchRecorder } from '../../support/store/watch-recorder.js';
import { eventually } from '../../support/time/eventually.js';

test.each(['refused', 'held up'])(
  'while connections are %s',
  async (how) => {
    await using cluster = await startEtcd();
    await using proxy = await TcpProxy.open(cluster.member(0).clientPort);
    const stateDirectory = await mkdtemp(join(tmpdir(), 'xnet-absence-'));
    const etcd = new EtcdStore({ endpoints: [`http://127.0.0.1:${proxy.port}`], prefix: '/absence/' });
    const options = { stateDirectory, ownership: ownershipOf('me'), logger: muteLogger };
    {
      await using store = await FailStaticStore.open(etcd, options);
      await using recorder = new WatchRecorder(store, keys.hosts());
      await recorder.until(({ snapshots }) => snapshots === 1);
      expect(store.away).toBe(false);
      await (how === 'refused' ? proxy.refuse() : proxy.pause());
      await eventually(() => expect(store.away).toBe(true));
      await (how === 'refused' ? proxy.accept() : proxy.resume());
      await eventually(() => expect(store.away).toBe(false));
    }
    await rm(stateDirectory, { recursive: true });
  },
  90_000,
);
