import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { keys } from '../../../src/model/keys.js';
import { LmdbStore } from '../../../src/store/local/lmdb-store.js';
import { ListingDocker } from '../../support/fake-docker/listing-docker.js';
import { eventually } from '../../support/time/eventually.js';

test('records that a newer xnet wrote are told of by the status and once in the log, and stop nothing', async () => {
  await using docker = await ListingDocker.start();
  await using daemon = await docker.startDaemon();
  await daemon.stop();
  const unreadable = [keys.host('other'), keys.network('0'.repeat(12)), keys.pool('xnet-local~10.9.0.0/24')];
  // Told of by the host that they are of.
  const ofOthers = [
    keys.binding('0'.repeat(12), 'other', 'd'),
    keys.poolReference('xnet-local~10.9.0.0/24', 'other', 'a'.repeat(16)),
  ];
  {
    await using store = LmdbStore.open(join(daemon.directory, 'state/store'));
    await store.commit(
      [],
      [...unreadable, ...ofOthers].map((put) => ({ put, value: '{"version":2}' })),
    );
  }
  await daemon.restart(docker.arguments);
  const ask = () => daemon.call('IpamDriver.RequestPool', { AddressSpace: 'xnet-local' });
  for (const { json } of [await ask(), await ask()]) expect(json.PoolID).toBeDefined();
  await eventually(() => {
    for (const key of unreadable) expect(daemon.status().text).toContain(key);
  });
  expect(daemon.status().text).toMatch(/PROBLEM .*cannot be read and are left alone.*newer xnet/);
  const told = (await daemon.log()).filter(({ message }) => message === 'unreadable record');
  expect(told.map(({ key }) => key).sort()).toEqual([...unreadable].sort());
});
