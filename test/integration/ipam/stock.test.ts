/** The next addresses in turn, which a host hands out without a commit. */
import { describe, expect, jest, test } from '@jest/globals';
import { XnetError } from '../../../src/errors.js';
import type { Ipam } from '../../../src/ipam/ipam.js';
import { HAND_OVER_MS } from '../../../src/ipam/pools/stock.js';
import { bound, reserved } from '../../../src/model/address.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import type { Store, Write } from '../../../src/store/store.js';
import { Cluster, ip, next, poolRequest, replacing, storeOf } from '../../support/ipam/cluster.js';
import { AwayStore } from '../../support/store/away-store.js';
import { eventually } from '../../support/time/eventually.js';

const SUBNET = '10.1.0.0/24';
const POOL = `xnet-local~${SUBNET}`;
const SMALL = '10.1.0.0/26';
/** So long Docker's call for an endpoint may wait, and be done after all (docs/running.md). */
const CALL_MS = 75_000;
const SMALL_POOL = `xnet-local~${SMALL}`;
/** Half of them in stock. */
const RESERVES = { size: 8, lookMs: 5 };

const endpoint = (address: string, endpointId: string, poolKey = POOL) => {
  return { poolKey, address, endpointId, networkId: 'n' };
};

/** As the driver does at CreateEndpoint. */
async function bind(
  ipam: Ipam,
  address: string,
  endpointId = `of-${address}`,
  poolKey = POOL,
): Promise<boolean> {
  const plan = await ipam.addressBook.bindPlan(endpoint(address, endpointId, poolKey));
  return (await storeOf(ipam).commit(plan.conditions, plan.writes)).committed;
}

/** As the driver does at DeleteEndpoint. */
async function unbind(ipam: Ipam, address: string, endpointId = `of-${address}`): Promise<void> {
  const plan = await ipam.addressBook.restPlan(endpoint(address, endpointId));
  await storeOf(ipam).commit(plan.conditions, plan.writes);
}

async function numbers(ipam: Ipam): Promise<{ endpoints: number; reserved: number; resting: number }> {
  const [pool] = await ipam.describePools();
  if (!pool) throw new Error('no pool');
  return pool.addresses;
}

/** An address of SMALL that another host's endpoint has. */
function boundElsewhere(last: number, name: string): Write {
  const holder = { hostId: `id-of-${name}`, hostName: name };
  const record = bound(reserved(holder, `${last}`, ['f'.repeat(16)]), holder, {
    endpointId: `of-${last}`,
    networkId: 'n',
  });
  return { put: keys.address(SMALL_POOL, `10.1.0.${last}`), value: record ? formatRecord(record) : '' };
}

/** A host with one container, 10.1.0.2, and a stock of 10.1.0.3 to 10.1.0.6. */
async function stocked(cluster: Cluster, store: Store = cluster.store, subnet = SUBNET) {
  const ipam = cluster.host('h1', { store, reserves: RESERVES, budgetMs: 500 });
  const { poolId } = await ipam.requestPool(poolRequest(subnet));
  await bind(ipam, await next(ipam, poolId), undefined, `xnet-local~${subnet}`);
  await eventually(async () => (await numbers(ipam)).reserved === 8);
  return { ipam, poolId };
}

async function another(cluster: Cluster, name: string) {
  const ipam = cluster.host(name, { reserves: { size: 0, lookMs: 5 } });
  const { poolId } = await ipam.requestPool(poolRequest(SUBNET));
  return { ipam, poolId };
}

function names(ipam: Ipam, poolId: string, address: string) {
  return ipam.requestAddress(poolId, { purpose: 'endpoint', address: ip(address) });
}

/** `calls` gets the names of the calls. */
function noting(inner: Store, calls: string[]): Store {
  const note = <T>(name: string, result: T): T => {
    calls.push(name);
    return result;
  };
  return replacing(inner, {
    get: (...of) => note('get', inner.get(...of)),
    list: (...of) => note('list', inner.list(...of)),
    commit: (...of) => note('commit', inner.commit(...of)),
  });
}

describe('the stock of a host', () => {
  test('is handed out in turn, without a call to the store, and filled again by one commit for several', async () => {
    await using cluster = new Cluster();
    const calls: string[] = [];
    const { ipam, poolId } = await stocked(cluster, noting(cluster.store, calls));
    calls.length = 0;
    expect(await next(ipam, poolId)).toBe('10.1.0.3');
    expect(calls).toEqual([]);
    expect(await next(ipam, poolId)).toBe('10.1.0.4');
    expect(calls).toEqual([]);
    await eventually(() => expect(calls).toEqual(['commit']));
    for (const address of ['10.1.0.3', '10.1.0.4']) expect(await bind(ipam, address)).toBe(true);
    calls.length = 0;
    await eventually(async () => (await numbers(cluster.host('h2'))).reserved === 8);
    expect(calls).toEqual([]);
    const more = [];
    for (let count = 0; count < 6; count++) more.push(await next(ipam, poolId));
    expect(more).toEqual([5, 6, 7, 8, 9, 10].map((last) => `10.1.0.${last}`));
  });

  test('costs a start and its removal one commit for each, by endpoint and rest', async () => {
    await using cluster = new Cluster();
    const calls: string[] = [];
    const { ipam, poolId } = await stocked(cluster, noting(cluster.store, calls));
    calls.length = 0;
    const address = await next(ipam, poolId, 'web');
    await bind(ipam, address);
    await unbind(ipam, address);
    expect(calls).toEqual(['commit', 'commit']);
    expect(await numbers(ipam)).toMatchObject({ endpoints: 1, resting: 1 });
  });

  test('is given to each of many at once, as long as it lasts; the others claim one', async () => {
    await using cluster = new Cluster();
    const { ipam, poolId } = await stocked(cluster);
    const given = await Promise.all(Array.from({ length: 20 }, () => next(ipam, poolId)));
    expect(new Set(given).size).toBe(20);
    expect((await Promise.all(given.map((address) => bind(ipam, address)))).every(Boolean)).toBe(true);
    expect((await numbers(ipam)).endpoints).toBe(21);
  });

  test('of several hosts has no address twice', async () => {
    await using cluster = new Cluster();
    const hosts = await Promise.all(
      ['h1', 'h2', 'h3'].map(async (name) => {
        const ipam = cluster.host(name, { reserves: RESERVES });
        return { ipam, poolId: (await ipam.requestPool(poolRequest(SUBNET))).poolId };
      }),
    );
    const run = async (index: number) => {
      const { ipam, poolId } = hosts[index % 3]!;
      const address = await next(ipam, poolId);
      expect(await bind(ipam, address)).toBe(true);
      return address;
    };
    const given = await Promise.all(Array.from({ length: 90 }, (_, index) => run(index)));
    expect(new Set(given).size).toBe(90);
  });

  test('keeps the name of the container, for whoever finds the address in use', async () => {
    await using cluster = new Cluster();
    const { ipam, poolId } = await stocked(cluster);
    const other = await another(cluster, 'h2');
    const address = await next(ipam, poolId, 'web');
    await expect(names(ipam, poolId, address)).rejects.toMatchObject({
      code: 'IN_USE',
      message: `address ${address} is held by container web, which starts on host h1; choose another`,
    });
    await bind(ipam, address);
    await expect(names(other.ipam, other.poolId, address)).rejects.toThrow(
      'held by container web on host h1',
    );
  });

  test('gives an address that is named, and hands it out no more', async () => {
    await using cluster = new Cluster();
    const { ipam, poolId } = await stocked(cluster);
    const [named, given] = await Promise.all([names(ipam, poolId, '10.1.0.3'), next(ipam, poolId)]);
    expect([`${named.address}`, given]).toEqual(['10.1.0.3', '10.1.0.4']);
    expect(await next(ipam, poolId)).toBe('10.1.0.5');
  });

  test('gives another host what that names, but not what a container here starts with', async () => {
    await using cluster = new Cluster();
    const { ipam, poolId } = await stocked(cluster);
    const other = await another(cluster, 'h2');
    const handedOut = await next(ipam, poolId);
    await names(other.ipam, other.poolId, '10.1.0.4');
    await expect(names(other.ipam, other.poolId, handedOut)).rejects.toMatchObject({ code: 'IN_USE' });
    expect(await next(ipam, poolId)).toBe('10.1.0.5');
    expect(await bind(ipam, handedOut)).toBe(true);
  });

  test('is no gateway or auxiliary address once a container starts with it', async () => {
    await using cluster = new Cluster();
    const { ipam, poolId } = await stocked(cluster);
    const address = ip(await next(ipam, poolId));
    for (const purpose of ['gateway', 'auxiliary'] as const)
      await expect(ipam.requestAddress(poolId, { purpose, address })).rejects.toMatchObject({
        code: 'IN_USE',
        message: expect.stringContaining('a container, which starts on host h1'),
      });
  });

  test('does not hand out again what Docker released without an endpoint, before it has rested', async () => {
    await using cluster = new Cluster();
    const { ipam, poolId } = await stocked(cluster);
    const address = await next(ipam, poolId);
    await ipam.releaseAddress(poolId, ip(address));
    for (let count = 0; count < 12; count++) {
      const given = await next(ipam, poolId);
      expect(given).not.toBe(address);
      await bind(ipam, given);
    }
    await eventually(async () => (await numbers(ipam)).resting === 1);
  });

  test('serves while the store is away, without what a container starts with', async () => {
    await using cluster = new Cluster();
    const store = new AwayStore(cluster.store, 'id-of-h1');
    const { ipam, poolId } = await stocked(cluster, store);
    const started = await next(ipam, poolId);
    await store.goAway();
    const given = await Promise.all(Array.from({ length: 7 }, () => next(ipam, poolId)));
    expect(new Set([started, ...given]).size).toBe(8);
    await expect(next(ipam, poolId)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    for (const address of [started, ...given]) expect(await bind(ipam, address)).toBe(true);
    await store.comeBack();
    expect(store.lost).toEqual([]);
    expect((await numbers(ipam)).endpoints).toBe(9);
  });

  test('that is given back is not put to rest once a container starts with it', async () => {
    await using cluster = new Cluster();
    let answer = Promise.resolve();
    const commit: Store['commit'] = async (...of) => {
      await answer;
      return cluster.store.commit(...of);
    };
    const { ipam, poolId } = await stocked(cluster, replacing(cluster.store, { commit }), SMALL);
    let open = () => {};
    answer = new Promise((resolve) => {
      open = resolve;
    });
    // Others take the most of the pool, and name what this host has apart: three of its stock are too much, two are missing apart.
    const { entries } = await cluster.store.list(keys.addressesOf(SMALL_POOL));
    const apart = entries.filter(
      ({ key, value }) => value.includes('"reserve"') && !/10\.1\.0\.[3-6]$/.test(key),
    );
    const others = Array.from({ length: 20 }, (_, index) =>
      boundElsewhere(10 + index, `h${2 + (index % 2)}`),
    );
    await cluster.store.commit([], [...apart.map(({ key }) => ({ remove: key })), ...others]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const given = await Promise.all(Array.from({ length: 4 }, () => next(ipam, poolId)));
    expect(given).toEqual(['10.1.0.3', '10.1.0.4', '10.1.0.5', '10.1.0.6']);
    open();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await numbers(ipam)).resting).toBe(0);
    for (const address of given) expect(await bind(ipam, address, undefined, SMALL_POOL)).toBe(true);
  });

  test('is given back where Docker created no endpoint, and nothing else happens in the pool', async () => {
    await using cluster = new Cluster();
    const { ipam, poolId } = await stocked(cluster);
    for (let count = 0; count < 2; count++) await next(ipam, poolId);
    await eventually(async () => (await numbers(ipam)).reserved === 10);
    // The looks at these changes have been.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = performance.now.bind(performance);
    const clock = jest.spyOn(performance, 'now');
    try {
      clock.mockImplementation(() => now() + CALL_MS);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect((await numbers(ipam)).reserved).toBe(10);
      clock.mockImplementation(() => now() + HAND_OVER_MS);
      await eventually(async () => (await numbers(ipam)).reserved === 8);
    } finally {
      clock.mockRestore();
    }
  });

  test('is filled also after a commit that was not answered', async () => {
    await using cluster = new Cluster();
    let isLost = false;
    const commit: Store['commit'] = async (...of) => {
      if (!isLost) return cluster.store.commit(...of);
      isLost = false;
      throw new XnetError('STORE_UNAVAILABLE', 'no answer');
    };
    const { ipam, poolId } = await stocked(cluster, replacing(cluster.store, { commit }));
    isLost = true;
    for (let count = 0; count < 2; count++) await next(ipam, poolId);
    await eventually(async () => (await numbers(ipam)).reserved === 10);
    expect(isLost).toBe(false);
  });

  test('is not handed out once the store has lost it', async () => {
    await using cluster = new Cluster();
    const { ipam, poolId } = await stocked(cluster);
    await cluster.store.commit([], [{ removePrefix: keys.addressesOf(POOL) }]);
    const other = await another(cluster, 'h2');
    const theirs = await next(other.ipam, other.poolId);
    await eventually(async () => (await numbers(ipam)).endpoints === 1);
    const given = await Promise.all(Array.from({ length: 4 }, () => next(ipam, poolId)));
    expect(new Set([...given, theirs]).size).toBe(5);
    for (const address of given) expect(await bind(ipam, address)).toBe(true);
  });
});

describe('a daemon that is killed after it handed out an address', () => {
  test('is followed by one that lets Docker create the endpoint, and gives the address to nobody else', async () => {
    await using cluster = new Cluster();
    const { ipam: before, poolId } = await stocked(cluster);
    const address = await next(before, poolId);
    await before[Symbol.asyncDispose]();
    const after = cluster.host('h1', { reserves: RESERVES });
    const others = [];
    for (let count = 0; count < 12; count++) {
      others.push(await next(after, poolId));
      await bind(after, others.at(-1) as string);
    }
    expect(others).not.toContain(address);
    expect(await bind(after, address)).toBe(true);
    expect((await numbers(after)).resting).toBe(0);
  });

  test('has lost nothing: what Docker never used is free again', async () => {
    await using cluster = new Cluster();
    const { ipam: before, poolId } = await stocked(cluster);
    for (let count = 0; count < 6; count++) await next(before, poolId);
    await before[Symbol.asyncDispose]();
    const after = cluster.host('h1', { reserves: { ...RESERVES, handOverMs: 100 } });
    await next(after, poolId);
    await eventually(async () => (await numbers(after)).reserved === 8);
  });
});
