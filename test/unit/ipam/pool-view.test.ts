/** A pool as one host sees it: when there is something new to look at. */
import { expect, test } from '@jest/globals';
import { PoolView } from '../../../src/ipam/pools/pool-view.js';
import { reserved } from '../../../src/model/address.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import type { Replica } from '../../../src/replica/replica.js';
import { Cluster, storeOf } from '../../support/ipam/cluster.js';

const POOL = 'xnet-local~10.1.0.0/24';
const VALUE = formatRecord(reserved({ hostId: 'h', hostName: 'h1' }, 'claim', []));

test('a commit of this host is one change, though the watch brings it once more', async () => {
  await using cluster = new Cluster();
  const store = storeOf(cluster.host('h1')) as Replica;
  await using view = new PoolView(store, POOL);
  await view.ready();
  await store.commit([], [{ put: keys.address(POOL, '10.1.0.2'), value: VALUE }]);
  expect(view.isTouched).toBe(true);
  view.isTouched = false;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(view.isTouched).toBe(false);
});
