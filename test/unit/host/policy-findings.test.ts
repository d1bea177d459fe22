import { expect, test } from '@jest/globals';
import { Cluster } from '../../../src/admin/cluster.js';
import { findPolicyFaults } from '../../../src/host/answers/doctor/policy-findings.js';
import { keys } from '../../../src/model/keys.js';
import { networkRecord } from '../../../src/model/network.js';
import { formatRecord } from '../../../src/model/record.js';
import { MemoryStore } from '../../support/store/memory-store.js';

const SHOP = 'aaaa1111bbbb';

async function found(protection: object | undefined, policies: readonly object[]) {
  await using store = new MemoryStore();
  const pools = [{ poolKey: 'xnet-local~10.9.0.0/24', subnet: '10.9.0.0/24' }];
  const fixed = { version: protection ? 3 : 2, vni: 1_048_577, multicast: true, internal: false, pools };
  const record = networkRecord.parse({ ...fixed, id: SHOP, name: 'shop', protection });
  const id = `${SHOP}e`;
  const names = { container: 'db', containerId: 'c0ffee', network: 'n', names: ['db'], ports: [] };
  const endpoint = { version: 1 as const, dockerNetworkId: 'd', hostId: 'host1', mac: '02:42:0a:09:00:02' };
  await store.commit(
    [],
    [
      { put: keys.network(SHOP), value: JSON.stringify(record) },
      {
        put: keys.endpoint(SHOP, id),
        value: formatRecord({ ...endpoint, id, networkId: SHOP, addresses: ['10.9.0.2'], names }),
      },
      ...policies.map((policy) => ({
        put: keys.policy('p'),
        value: JSON.stringify({ version: 1, policy: 'p', to: { app: 'db' }, allow: [], ...policy }),
      })),
    ],
  );
  const judged = await findPolicyFaults(store, Cluster.read(store));
  return judged.map((each) => each.found).filter((each) => each.includes('labels of db'));
}

test('a container whose labels are not known is found where that matters', async () => {
  expect(await found(undefined, [])).toEqual([]);
  expect(await found(undefined, [{ audit: true }])).toEqual([]);
  expect(await found(undefined, [{}])).toEqual([expect.stringMatching(/so that nobody reaches it/)]);
  expect(await found({ isolate: true }, [])).toEqual([expect.stringMatching(/it is no gateway/)]);
  expect(await found({ isolate: true }, [{}])).toEqual([expect.stringMatching(/so that nobody reaches it/)]);
});
