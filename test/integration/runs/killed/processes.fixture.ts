/** Starts the processes that tests start, and does not end. */
import { test } from '@jest/globals';
import { TestDaemon } from '../../../support/daemon/daemon.js';
import { post } from '../../../support/daemon/plugin-client.js';
import { compileSources } from '../../../support/programs/compiled-sources.js';
import { startEtcd } from '../../../support/store/etcd.js';
import { eventually } from '../../../support/time/eventually.js';
import { KeeperUnderTest, socketActivated } from '../../keeper/keeper-under-test.js';
import { isMade, neverEnd } from './never-end.js';

test('makes and keeps', async () => {
  await using daemon = await TestDaemon.start();
  const { Pool } = await daemon.ok('IpamDriver.RequestPool', { AddressSpace: 'xnet-local' });
  const IPv4Data = [{ AddressSpace: 'xnet-local', Pool }];
  await daemon.ok('NetworkDriver.CreateNetwork', { NetworkID: 'a'.repeat(64), Options: {}, IPv4Data });
  await using _etcd = await startEtcd();
  await using sources = await compileSources(['keeper', 'native']);
  await using _keeper = await KeeperUnderTest.ready({ sources: sources.directory });
  await using activated = await KeeperUnderTest.start({
    sources: sources.directory,
    under: socketActivated,
  });
  await eventually(() => post(activated.socket, 'Plugin.Activate'));
  isMade('processes');
  await neverEnd();
}, 600_000);
