import { describe, expect, test } from '@jest/globals';
import { Cluster, ip, next, poolRequest, prefix, replacing } from '../../support/ipam/cluster.js';

describe('an automatic address', () => {
  test('goes round the subnet before one comes again', async () => {
    await using cluster = new Cluster();
    const h1 = cluster.host('h1', { restSeconds: 0 });
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/29'));
    const seen: string[] = [];
    for (let count = 0; count < 6; count++) {
      const address = await next(h1, poolId);
      seen.push(address);
      await h1.releaseAddress(poolId, ip(address));
    }
    expect(seen.map((address) => address.slice(-1)).join('')).toBe('234562');
  });

  test('goes on after one that was named, not from it', async () => {
    await using cluster = new Cluster();
    const h1 = cluster.host('h1');
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    await next(h1, poolId);
    await h1.requestAddress(poolId, { purpose: 'endpoint', address: ip('10.1.0.100') });
    expect(await next(h1, poolId)).toBe('10.1.0.3');
  });

  test('goes on where it was after the daemon was started again', async () => {
    await using cluster = new Cluster();
    const { poolId } = await cluster.host('h1').requestPool(poolRequest('10.1.0.0/24'));
    const before = cluster.host('h1');
    await next(before, poolId);
    await next(before, poolId);
    await before.releaseAddress(poolId, ip('10.1.0.2'));
    expect(await next(cluster.host('h1'), poolId)).toBe('10.1.0.4');
  });

  test('rests after its release while others are free, and is taken over when nothing else is', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    const one = await h1.requestPool(poolRequest('10.1.0.0/29'));
    const other = await h2.requestPool(poolRequest('10.1.0.0/29'));
    expect(await next(h1, one.poolId)).toBe('10.1.0.2');
    expect(await next(h1, one.poolId)).toBe('10.1.0.3');
    await h1.releaseAddress(one.poolId, ip('10.1.0.3'));
    await h1.releaseAddress(one.poolId, ip('10.1.0.2'));
    const seen: string[] = [];
    for (let count = 0; count < 5; count++) seen.push(await next(h2, other.poolId));
    expect(seen.map((address) => address.slice(-1)).join('')).toBe('45632');
    await expect(next(h1, one.poolId)).rejects.toMatchObject({ code: 'EXHAUSTED' });
  });

  test('is free again by itself once it has rested', async () => {
    await using cluster = new Cluster();
    const h1 = cluster.host('h1', { restSeconds: 1 });
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/29'));
    const address = await next(h1, poolId);
    await h1.releaseAddress(poolId, ip(address));
    expect((await h1.describePools())[0]?.addresses.resting).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 2300));
    expect((await h1.describePools())[0]?.addresses.resting).toBe(0);
  });

  test('lies in the range of its reference, and exhaustion says what to do', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    const low = await h1.requestPool(poolRequest('10.1.0.0/24', { range: prefix('10.1.0.0/30') }));
    const high = await h2.requestPool(poolRequest('10.1.0.0/24', { range: prefix('10.1.0.252/30') }));
    expect([await next(h1, low.poolId), await next(h1, low.poolId)]).toEqual(['10.1.0.2', '10.1.0.3']);
    expect([await next(h2, high.poolId), await next(h2, high.poolId)]).toEqual(['10.1.0.252', '10.1.0.253']);
    await next(h2, high.poolId);
    await expect(next(h2, high.poolId)).rejects.toMatchObject({
      code: 'EXHAUSTED',
      message: expect.stringMatching(/10\.1\.0\.252\/30.*10\.1\.0\.0\/24.*all 3 .*--ip-range/),
    });
  });

  test('comes from IPv6 subnets too', async () => {
    await using cluster = new Cluster();
    const h1 = cluster.host('h1');
    const { poolId } = await h1.requestPool(poolRequest('fd00::/64'));
    expect([await next(h1, poolId), await next(h1, poolId)]).toEqual(['fd00::2', 'fd00::3']);
  });

  test('is another for each of many requests at once on one host', async () => {
    await using cluster = new Cluster();
    const h1 = cluster.host('h1');
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    const all = await Promise.all(Array.from({ length: 253 }, () => next(h1, poolId)));
    expect(new Set(all).size).toBe(253);
    expect(h1.counts().refusals).toBe(0);
    await expect(next(h1, poolId)).rejects.toMatchObject({ code: 'EXHAUSTED' });
  });

  test('takes one commit and no read once the pool is in use on the host', async () => {
    await using cluster = new Cluster();
    let calls: string[] = [];
    const { store } = cluster;
    const noting = <A extends unknown[], R>(name: string, call: (...args: A) => R) => {
      return (...args: A): R => {
        calls.push(name);
        return call(...args);
      };
    };
    const counted = replacing(store, {
      get: noting('get', (key: string) => store.get(key)),
      list: noting('list', (under: string) => store.list(under)),
      commit: noting('commit', (...args: Parameters<typeof store.commit>) => store.commit(...args)),
    });
    const h1 = cluster.host('h1', { store: counted });
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    calls = [];
    const address = await next(h1, poolId);
    expect(calls).toEqual(['commit']);
    await h1.releaseAddress(poolId, ip(address));
    expect(calls).toEqual(['commit', 'commit']);
  });

  test('is refused once the reference is gone from the store', async () => {
    await using cluster = new Cluster();
    const h1 = cluster.host('h1');
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    await h1.releasePool(poolId);
    await expect(next(h1, poolId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(h1.requestAddress(poolId, { purpose: 'gateway' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(await cluster.keys()).toEqual([]);
  });
});

describe('a named address', () => {
  test('that another holds is refused, naming the holder', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    const one = await h1.requestPool(poolRequest('10.1.0.0/24'));
    const other = await h2.requestPool(poolRequest('10.1.0.0/24'));
    await h1.requestAddress(one.poolId, { purpose: 'endpoint', address: ip('10.1.0.7'), container: 'web' });
    await expect(
      h2.requestAddress(other.poolId, { purpose: 'endpoint', address: ip('10.1.0.7') }),
    ).rejects.toMatchObject({ code: 'IN_USE', message: expect.stringContaining('container web on host h1') });
    await h1.releaseAddress(one.poolId, ip('10.1.0.7'));
    await h2.requestAddress(other.poolId, { purpose: 'endpoint', address: ip('10.1.0.7') });
  });

  test.each(['10.1.0.0', '10.1.0.255', '10.2.0.1', 'fd00::1'])(
    '%s is refused in 10.1.0.0/24',
    async (text) => {
      await using cluster = new Cluster();
      const h1 = cluster.host('h1');
      const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
      for (const purpose of ['endpoint', 'gateway', 'auxiliary'] as const) {
        await expect(h1.requestAddress(poolId, { purpose, address: ip(text) })).rejects.toMatchObject({
          code: 'INVALID',
        });
      }
    },
  );
});

describe('a gateway', () => {
  test('is the first host address, or what the pool has already, and is shared by hosts', async () => {
    await using cluster = new Cluster();
    const hosts = ['h1', 'h2', 'h3'].map((name) => cluster.host(name));
    for (const [subnet, address] of [
      ['10.1.0.0/24', undefined],
      ['10.2.0.0/24', '10.2.0.254'],
    ] as const) {
      const pools = await Promise.all(hosts.map((host) => host.requestPool(poolRequest(subnet))));
      const gateway = await hosts[0]!.requestAddress(pools[0]!.poolId, {
        purpose: 'gateway',
        ...(address ? { address: ip(address) } : {}),
      });
      expect(`${gateway.address}`).toBe(address ?? '10.1.0.1');
      const same = await Promise.all(
        hosts.map((host, index) => host.requestAddress(pools[index]!.poolId, { purpose: 'gateway' })),
      );
      expect(same.map((one) => `${one.address}`)).toEqual(Array(3).fill(`${gateway.address}`));
      await expect(
        hosts[1]!.requestAddress(pools[1]!.poolId, { purpose: 'endpoint', address: gateway.address }),
      ).rejects.toMatchObject({ code: 'IN_USE', message: expect.stringContaining('gateway') });
      await Promise.all(
        hosts.map((host, index) => host.releaseAddress(pools[index]!.poolId, gateway.address)),
      );
      expect((await cluster.keys()).filter((key) => key.startsWith('addresses/'))).toEqual([]);
      await Promise.all(hosts.map((host, index) => host.releasePool(pools[index]!.poolId)));
    }
    expect(await cluster.keys()).toEqual([]);
  });

  test('that is an endpoint already is refused, and an auxiliary address needs to be named', async () => {
    await using cluster = new Cluster();
    const h1 = cluster.host('h1');
    const { poolId } = await h1.requestPool(poolRequest('10.1.0.0/24'));
    await h1.requestAddress(poolId, { purpose: 'endpoint', address: ip('10.1.0.1'), container: 'web' });
    await expect(h1.requestAddress(poolId, { purpose: 'gateway' })).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringContaining('container web on host h1'),
    });
    await expect(h1.requestAddress(poolId, { purpose: 'auxiliary' })).rejects.toMatchObject({
      code: 'INVALID',
    });
  });
});

describe('a released address', () => {
  test('stays where it is when another holds it, or when nobody does', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    const one = await h1.requestPool(poolRequest('10.1.0.0/24'));
    const other = await h2.requestPool(poolRequest('10.1.0.0/24'));
    const address = ip(await next(h1, one.poolId));
    expect(await h2.releaseAddress(other.poolId, address)).toEqual({});
    expect(await h2.releaseAddress(other.poolId, ip('10.1.0.77'))).toEqual({});
    expect((await h1.describePools())[0]?.addresses.endpoints).toBe(1);
    expect(await h1.releaseAddress(one.poolId, address)).toEqual({});
    expect(await h1.releaseAddress(one.poolId, address)).toEqual({});
    expect((await h1.describePools())[0]?.addresses.endpoints).toBe(0);
  });
});

describe('a request that is repeated, because the daemon was killed before it answered', () => {
  const first = { id: '00000000000000aa', repeated: false };
  const again = { ...first, repeated: true };

  test.each([{}, { address: ip('10.1.0.9') }])('gets the address that it has claimed: %j', async (wanted) => {
    await using cluster = new Cluster();
    const { poolId } = await cluster.host('h1').requestPool(poolRequest('10.1.0.0/24'));
    const request = { purpose: 'endpoint' as const, ...wanted };
    const { address } = await cluster.host('h1').requestAddress(poolId, request, first);
    const successor = cluster.host('h1');
    await next(successor, poolId);
    expect((await successor.requestAddress(poolId, request, again)).address).toEqual(address);
    expect((await cluster.host('h1').requestAddress(poolId, request, again)).address).toEqual(address);
  });

  test('gets the pool that it has made, and another one when it had not come so far', async () => {
    await using cluster = new Cluster();
    const made = await cluster.host('h1').requestPool(poolRequest(), first);
    expect(await cluster.host('h1').requestPool(poolRequest(), again)).toEqual(made);
    const other = await cluster.host('h1').requestPool(poolRequest(), { ...again, id: '00000000000000bb' });
    expect(`${other.subnet}`).toBe('10.192.1.0/24');
  });
});
