/** Keys of addresses and pools that no xnet makes: each costs itself alone. */
import { expect, test } from '@jest/globals';
import { keys } from '../../../src/model/keys.js';
import { Cluster, next, poolRequest, storeOf } from '../../support/ipam/cluster.js';
import { eventually } from '../../support/time/eventually.js';

const POOL = 'xnet-local~10.1.0.0/24';
const VALUE = JSON.stringify({
  state: 'resting',
  hostId: 'h',
  hostName: 'h',
  claim: 'c',
  references: [],
  purpose: 'endpoint',
});

test.each([
  ['an address that is none', `${keys.addressesOf(POOL)}nonsense`],
  ['an address with an escape that is none', `${keys.addressesOf(POOL)}%zz`],
  ['an address with a zone', keys.address(POOL, 'fe80::1%eth0')],
  ['a request of what is no address', `${keys.addressRequests()}nonsense`],
  ['a request with an escape that is none', `${keys.addressRequests()}%zz`],
  ['a pool with an escape that is none', `${keys.pools()}%zz`],
])('%s', async (_, key) => {
  await using cluster = new Cluster();
  const h1 = cluster.host('h1', { reserves: { size: 2, lookMs: 5 } });
  const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
  const first = await next(h1, poolId);
  await cluster.store.commit([], [{ put: key, value: VALUE }]);
  const second = await next(h1, poolId);
  expect(second).not.toBe(first);
  await eventually(
    'the reserve is full',
    async () => (await h1.describePools())[0]?.addresses.reserved === 2,
  );
  expect((await cluster.host('h2').requestPool(poolRequest('10.1.0.0/24'))).poolId).toContain('10.1.0.0/24');
});

test('an address of the other family with the number of one of the pool: that one is known all the same', async () => {
  await using cluster = new Cluster();
  const h1 = cluster.host('h1', { reserves: { size: 0 } });
  const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
  const first = await next(h1, poolId);
  // 10.1.0.2 as a number, and gone again.
  const key = keys.address(POOL, '::a01:2');
  for (const write of [{ put: key, value: VALUE }, { remove: key }]) await storeOf(h1).commit([], [write]);
  const plan = await h1.addressBook.bindPlan({
    poolKey: POOL,
    address: first,
    endpointId: 'e',
    networkId: 'n',
  });
  expect(plan.writes).toEqual([
    expect.objectContaining({ value: expect.stringContaining('"references":["') }),
  ]);
  expect(h1.addressBook.isClaimed({ poolKey: POOL, address: first })).toBe(true);
});
