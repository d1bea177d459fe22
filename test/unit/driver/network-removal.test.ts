import { expect, test } from '@jest/globals';
import { attemptFreeing, attemptRemoval } from '../../../src/driver/networks/network-removal.js';
import { OwnActions } from '../../../src/driver/networks/own-actions.js';
import { putBinding, putEndpoint } from '../../../src/model/by-host.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import { transact } from '../../../src/store/transact.js';
import { MemoryStore } from '../../support/store/memory-store.js';

const NETWORK = { version: 1 as const, id: 'n', vni: 77, multicast: true, internal: false, pools: [] };
const BINDING = { version: 1 as const, networkId: 'n', hostId: 'h0', dockerNetworkId: 'd' };

/** With a network in which so many hosts have left an endpoint. */
async function storeWith(hosts: number, network: { version: number }): Promise<MemoryStore> {
  const store = new MemoryStore();
  await store.commit(
    [],
    [
      { put: keys.network('n'), value: formatRecord(network) },
      { put: keys.vni(77), value: 'n' },
    ],
  );
  for (let n = 0; n < hosts; n++) {
    const ids = { version: 1 as const, id: `e${n}`, networkId: 'n', dockerNetworkId: 'd', hostId: `h${n}` };
    await store.commit([], putEndpoint({ ...ids, addresses: [], mac: '02:00:00:00:00:01' }));
  }
  return store;
}

const leftIn = async (store: MemoryStore) => (await store.list('')).entries.map(({ key }) => key);

test.each([3, 300])(
  'a network in which %i hosts have left endpoints is removed with them and their twins',
  async (hosts) => {
    await using store = await storeWith(hosts, NETWORK);
    await store.commit([], putBinding(BINDING));
    const parts = { store, ownActions: new OwnActions() };
    expect(await transact(store, () => attemptRemoval(parts, BINDING, true))).toEqual(NETWORK);
    expect(await leftIn(store)).toEqual([]);
  },
);

test('so is one that swarm gives up', async () => {
  await using store = await storeWith(300, { ...NETWORK, ...{ swarm: { dockerNetworkId: 'd' } } });
  expect(await transact(store, () => attemptFreeing(store, 'n'))).toEqual(NETWORK);
  expect(await leftIn(store)).toEqual([]);
});

test('nothing goes when another host binds to the network meanwhile', async () => {
  await using store = await storeWith(300, NETWORK);
  await store.commit([], putBinding(BINDING));
  const before = await leftIn(store);
  const other = { ...BINDING, hostId: 'h1' };
  const list = store.list.bind(store);
  store.list = async (prefix, ...rest) => {
    const result = await list(prefix, ...rest);
    // After the bindings were read, as the endpoints are.
    if (prefix === keys.endpointsOf('n'))
      await store.commit([], [...putBinding(other), { put: keys.bindingGuard('n'), value: 'd' }]);
    return result;
  };
  const parts = { store, ownActions: new OwnActions() };
  expect(await transact(store, () => attemptRemoval(parts, BINDING, true))).toBeUndefined();
  const own = putBinding(BINDING).map(({ put }) => put);
  const others = [...putBinding(other).map(({ put }) => put), keys.bindingGuard('n')];
  expect((await leftIn(store)).sort()).toEqual(
    [...before.filter((key) => !own.includes(key)), ...others].sort(),
  );
});
