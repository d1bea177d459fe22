import { describe, expect, test } from '@jest/globals';
import { keys } from '../../../src/model/keys.js';
import { Cluster, ip, next, poolRequest, prefix } from '../../support/ipam/cluster.js';

describe('a pool', () => {
  test('without a subnet gets the lowest free one, and another each time it is asked for', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    const first = await h1.requestPool(poolRequest());
    const second = await h1.requestPool(poolRequest());
    const third = await h2.requestPool(poolRequest(undefined, { space: 'xnet-global' }));
    expect([first, second, third].map(({ subnet }) => `${subnet}`)).toEqual([
      '10.192.0.0/24',
      '10.192.1.0/24',
      '10.192.2.0/24',
    ]);
    await h1.releasePool(first.poolId);
    expect(`${(await h2.requestPool(poolRequest())).subnet}`).toBe('10.192.0.0/24');
    expect(`${(await h2.requestPool(poolRequest(undefined, { family: 6 }))).subnet}`).toBe(
      'fd78:6e65:7400::/64',
    );
  });

  test('without a subnet avoids what it is told to avoid', async () => {
    await using cluster = new Cluster();
    const { subnet } = await cluster
      .host('h1')
      .requestPool(poolRequest(undefined, { avoid: [prefix('10.192.0.0/23')] }));
    expect(`${subnet}`).toBe('10.192.2.0/24');
  });

  test('hosts that ask at the same time for any subnet all get different ones', async () => {
    await using cluster = new Cluster();
    const pools = await Promise.all(
      ['h1', 'h2', 'h3', 'h4'].map((name) => cluster.host(name).requestPool(poolRequest())),
    );
    expect(new Set(pools.map(({ subnet }) => `${subnet}`)).size).toBe(4);
  });

  test('is exhausted when the default pools are', async () => {
    await using cluster = new Cluster();
    const h1 = cluster.host('h1');
    for (let count = 0; count < 4; count++) await h1.requestPool(poolRequest());
    await expect(h1.requestPool(poolRequest())).rejects.toMatchObject({
      code: 'EXHAUSTED',
      message: expect.stringContaining('10.192.0.0/22 in /24s'),
    });
    await expect(cluster.host('h2', { defaultPools: [] }).requestPool(poolRequest())).rejects.toMatchObject({
      code: 'INVALID',
    });
  });

  test('with the same subnet is the same on all hosts: no address comes twice', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    const one = await h1.requestPool(poolRequest('10.1.0.0/24'));
    const other = await h2.requestPool(poolRequest('10.1.0.0/24'));
    expect(one.poolId).not.toBe(other.poolId);
    expect(await next(h1, one.poolId)).toBe('10.1.0.2');
    expect(await next(h2, other.poolId)).toBe('10.1.0.3');
    expect(await next(h1, one.poolId)).toBe('10.1.0.4');
  });

  test('that overlaps another is refused, naming the other and its hosts', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    await h1.requestPool(poolRequest('10.1.0.0/24'));
    await expect(h2.requestPool(poolRequest('10.1.0.0/16'))).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringMatching(/10\.1\.0\.0\/16 overlaps 10\.1\.0\.0\/24, in use on h1/),
    });
    await h2.requestPool(poolRequest('10.1.0.0/16', { space: 'xnet-global' }));
  });

  test('of a named network may overlap others, and has addresses of its own', async () => {
    await using cluster = new Cluster();
    const h1 = cluster.host('h1');
    const plain = await h1.requestPool(poolRequest('10.192.0.0/24'));
    const shop = await h1.requestPool(poolRequest('10.192.0.0/24', { networkName: 'shop' }));
    const shed = await h1.requestPool(poolRequest('10.192.0.0/23', { networkName: 'shed' }));
    expect(await next(h1, plain.poolId)).toBe('10.192.0.2');
    expect(await next(h1, shop.poolId)).toBe('10.192.0.2');
    expect(await next(h1, shed.poolId)).toBe('10.192.0.2');
    expect(`${(await h1.requestPool(poolRequest())).subnet}`).toBe('10.192.2.0/24');
  });

  test('of a named network is found by the name alone, for each family', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    const shop = { networkName: 'shop' };
    await h1.requestPool(poolRequest('10.9.0.0/24', shop));
    expect(`${(await h2.requestPool(poolRequest(undefined, shop))).subnet}`).toBe('10.9.0.0/24');
    const six = await h2.requestPool(poolRequest(undefined, { ...shop, family: 6 }));
    expect(`${(await h1.requestPool(poolRequest(undefined, { ...shop, family: 6 }))).subnet}`).toBe(
      `${six.subnet}`,
    );
    await expect(h2.requestPool(poolRequest('10.8.0.0/24', shop))).rejects.toMatchObject({
      code: 'EXISTS',
      message: expect.stringMatching(/10\.9\.0\.0\/24.*10\.8\.0\.0\/24/),
    });
  });

  test.each([
    ['10.1.0.0/31', undefined, '10.1.0.0/30'],
    ['10.1.0.1/32', undefined, '10.1.0.0/30'],
    ['fd00::/127', undefined, 'fd00::/126'],
    ['127.0.0.0/24', undefined, '127.0.0.0/8'],
    ['0.0.0.0/0', undefined, 'overlaps'],
    ['10.1.0.0/24', '10.2.0.0/25', '--ip-range'],
    [undefined, '10.2.0.0/25', '--subnet'],
  ])('of subnet %s and range %s is refused, saying %j', async (subnet, range, text) => {
    await using cluster = new Cluster();
    const request = poolRequest(subnet, range ? { range: prefix(range) } : {});
    await expect(cluster.host('h1').requestPool(request)).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining(text),
    });
    expect(await cluster.keys()).toEqual([]);
  });

  test('given back leaves nothing in the store, and may be given back again', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    const one = await h1.requestPool(poolRequest('10.1.0.0/16'));
    const other = await h2.requestPool(poolRequest('10.1.0.0/16'));
    for (const [host, { poolId }] of [
      [h1, one],
      [h2, other],
    ] as const) {
      await host.requestAddress(poolId, { purpose: 'gateway' });
      await host.requestAddress(poolId, { purpose: 'auxiliary', address: ip('10.1.0.9') });
      for (let count = 0; count < 150; count++) await next(host, poolId);
      await host.releaseAddress(poolId, ip(await next(host, poolId)));
    }
    await h1.releasePool(one.poolId);
    const [pool] = await h2.describePools();
    expect(pool).toMatchObject({
      subnet: '10.1.0.0/16',
      references: [{ hostName: 'h2' }],
      addresses: { endpoints: 150, gateways: 1, auxiliaries: 1, resting: 2 },
    });
    await h2.releasePool(other.poolId);
    await h2.releasePool(other.poolId);
    expect(await cluster.keys()).toEqual([]);
  });

  test('that two hosts give back at once is gone, and one that is taken at the same time works', async () => {
    await using cluster = new Cluster();
    const hosts = ['h1', 'h2', 'h3', 'h4'].map((name) => cluster.host(name));
    for (let round = 0; round < 20; round++) {
      const held = await Promise.all(hosts.map((host) => host.requestPool(poolRequest('10.1.0.0/24'))));
      const latecomer = round % 2 === 0 ? hosts[round % 4] : undefined;
      const [late] = await Promise.all([
        latecomer?.requestPool(poolRequest('10.1.0.0/24')),
        ...hosts.map((host, index) => host.releasePool(held[index]!.poolId)),
      ]);
      if (latecomer && late) {
        expect(await next(latecomer, late.poolId)).toBe('10.1.0.2');
        await latecomer.releasePool(late.poolId);
      }
      expect(await cluster.keys()).toEqual([]);
    }
  });
});

describe('a record that cannot be read, of a newer xnet for instance,', () => {
  const put = (cluster: Cluster, key: string) =>
    cluster.store.commit([], [{ put: key, value: '{"version":2}' }]);

  test('of a pool: its subnet counts as taken, it alone cannot be joined, and it stays', async () => {
    await using cluster = new Cluster();
    const h1 = cluster.host('h1');
    const key = keys.pool('xnet-local~10.192.0.0/24');
    await put(cluster, key);
    expect(`${(await h1.requestPool(poolRequest())).subnet}`).toBe('10.192.1.0/24');
    await expect(h1.requestPool(poolRequest('10.192.0.0/25'))).rejects.toMatchObject({ code: 'IN_USE' });
    await expect(h1.requestPool(poolRequest('10.192.0.0/24'))).rejects.toThrow(
      `the store's record ${key} cannot be read`,
    );
    expect(await cluster.keys()).toContain(key);
  });

  test('under a key that names no pool: is in nobody’s way', async () => {
    await using cluster = new Cluster();
    await put(cluster, keys.pool('what'));
    expect(`${(await cluster.host('h1').requestPool(poolRequest())).subnet}`).toBe('10.192.0.0/24');
  });

  test('of a reference: what the others hold is known, given back and named', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    const { poolId, poolKey } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    await put(cluster, keys.poolReference(poolKey, 'id-of-h3', 'a'.repeat(16)));
    expect(await h1.listHoldsExcept([])).toMatchObject([{ poolKey }]);
    await expect(h2.requestPool(poolRequest('10.1.0.0/25'))).rejects.toThrow(/in use on h1;/);
    await h1.releasePool(poolId);
    expect(await h1.listHoldsExcept([])).toEqual([]);
  });

  test('of an address: it counts as taken, and its pool serves and ends as ever', async () => {
    await using cluster = new Cluster();
    const h1 = cluster.host('h1');
    const { poolId, poolKey } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    const key = keys.address(poolKey, '10.1.0.3');
    await put(cluster, key);
    expect(`${(await h1.requestAddress(poolId, { purpose: 'gateway' })).address}`).toBe('10.1.0.1');
    expect([await next(h1, poolId), await next(h1, poolId)]).toEqual(['10.1.0.2', '10.1.0.4']);
    await h1.releasePool(poolId);
    expect(await cluster.keys()).toEqual([key]);
  });
});
