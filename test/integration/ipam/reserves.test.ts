import { describe, expect, test } from '@jest/globals';
import type { Ipam } from '../../../src/ipam/ipam.js';
import { reserved as reservedRecord } from '../../../src/model/address.js';
import { putBinding } from '../../../src/model/by-host.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import {
  Cluster,
  type HostOptions,
  ip,
  next,
  poolRequest,
  prefix,
  replacing,
  storeOf,
} from '../../support/ipam/cluster.js';
import { AwayStore } from '../../support/store/away-store.js';
import { eventually } from '../../support/time/eventually.js';

const POOL = 'xnet-local~10.1.0.0/24';
const SMALL = 'xnet-local~10.1.0.0/26';
const RESERVES = { size: 4, lookMs: 5 };
const AWAY = expect.objectContaining({ code: 'STORE_UNAVAILABLE' });

/** A host with a reserve whose store can be away. */
function awayHost(cluster: Cluster, name: string, options: HostOptions = {}) {
  const store = new AwayStore(cluster.store, `id-of-${name}`);
  const ipam = cluster.host(name, { store, reserves: RESERVES, budgetMs: 50, ...options });
  return { store, ipam };
}

async function addressesOf(ipam: Ipam) {
  return (await ipam.describePools())[0]?.addresses;
}

const reserved = async (ipam: Ipam) => (await addressesOf(ipam))?.reserved;

/** A container's whole life in the address book, as the driver writes it. */
async function bind(ipam: Ipam, address: string, endpointId: string, poolKey = POOL) {
  const plan = await ipam.addressBook.bindPlan({ poolKey, address, endpointId, networkId: 'n' });
  const result = await storeOf(ipam).commit(plan.conditions, plan.writes);
  expect(result.committed).toBe(true);
}

async function unbind(ipam: Ipam, address: string, endpointId: string) {
  const plan = await ipam.addressBook.restPlan({ poolKey: POOL, address, endpointId, networkId: 'n' });
  const result = await storeOf(ipam).commit(plan.conditions, plan.writes);
  expect(result.committed).toBe(true);
}

describe('the reserve of a host', () => {
  test('is freed after a start also in a pool of which the host has no hold and no network any more', async () => {
    await using cluster = new Cluster();
    const { poolId } = await cluster.host('h2').requestPool(poolRequest('10.1.0.0/24'));
    await next(cluster.host('h2'), poolId);
    const left = keys.address(POOL, '10.1.0.77');
    const holder = { hostId: 'id-of-h1', hostName: 'h1' };
    await cluster.store.commit(
      [],
      [{ put: left, value: formatRecord(reservedRecord(holder, 'c', ['f'.repeat(16)])) }],
    );
    const { entries } = await cluster.store.list('');
    // As an earlier run of the host knew them.
    const recall = (prefix: string) => entries.filter(({ key }) => key.startsWith(prefix));
    cluster.host('h1', { store: replacing(cluster.store, { recall }), reserves: RESERVES });
    await eventually(async () => (await cluster.store.get(left)) === undefined);
    expect(await cluster.keys()).toContain(keys.address(POOL, '10.1.0.2'));
  });

  test('is filled after the first container, changes no automatic address, and goes with the pool', async () => {
    await using cluster = new Cluster();
    const { ipam } = awayHost(cluster, 'h1');
    const { poolId } = await ipam.requestPool(poolRequest('10.1.0.0/24'));
    expect(await next(ipam, poolId)).toBe('10.1.0.2');
    await eventually(async () => (await reserved(ipam)) === 4);
    expect(await addressesOf(ipam)).toMatchObject({ endpoints: 1, reserved: 4 });
    expect([await next(ipam, poolId), await next(ipam, poolId)]).toEqual(['10.1.0.3', '10.1.0.4']);
    await ipam.releasePool(poolId);
    expect(await cluster.keys()).toEqual([]);
  });

  test('is not made for a network that has had no container here', async () => {
    await using cluster = new Cluster();
    const [one, other] = [awayHost(cluster, 'h1').ipam, awayHost(cluster, 'h2').ipam];
    const { poolId } = await one.requestPool(poolRequest('10.1.0.0/24'));
    await other.requestPool(poolRequest('10.1.0.0/24'));
    await next(one, poolId);
    await eventually(async () => (await reserved(one)) === 4);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await reserved(one)).toBe(4);
  });

  test('serves while the store is away, until it is used up, and is filled again afterwards', async () => {
    await using cluster = new Cluster();
    const { ipam, store } = awayHost(cluster, 'h1');
    const { poolId } = await ipam.requestPool(poolRequest('10.1.0.0/24'));
    await next(ipam, poolId);
    await eventually(async () => (await reserved(ipam)) === 4);
    await store.goAway();
    const given = await Promise.all(Array.from({ length: 4 }, () => next(ipam, poolId)));
    expect(new Set(given).size).toBe(4);
    await expect(next(ipam, poolId)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/no address of pool 10\.1\.0\.0\/24 left in reserve.*does not answer/),
    });
    await store.comeBack();
    await eventually(async () => (await reserved(ipam)) === 4);
    expect(await addressesOf(ipam)).toMatchObject({ endpoints: 5, reserved: 4 });
    // Two of the four were next in turn.
    expect(await next(ipam, poolId)).toBe('10.1.0.5');
    expect(store.lost).toEqual([]);
  });

  test('serves a claim whose commit is never answered, which is given back if it was applied', async () => {
    for (const applied of [true, false]) {
      await using cluster = new Cluster();
      // One address is no stock.
      const { ipam, store } = awayHost(cluster, 'h1', { reserves: { size: 1, lookMs: 5 } });
      const { poolId } = await ipam.requestPool(poolRequest('10.1.0.0/24'));
      await next(ipam, poolId);
      await eventually(async () => (await reserved(ipam)) === 1);
      store.loseNextAnswer({ applied });
      expect(await next(ipam, poolId)).not.toBe('10.1.0.3');
      await new Promise((resolve) => setTimeout(resolve, 50));
      await store.comeBack();
      await eventually(async () => (await reserved(ipam)) === 1 && ipam.counts().unfinished === 0);
      expect((await addressesOf(ipam))?.endpoints).toBe(2);
    }
  });

  test('takes in what is released while the store is away, to be given again, and lets it rest afterwards', async () => {
    await using cluster = new Cluster();
    const { ipam, store } = awayHost(cluster, 'h1', { reserves: { size: 0, lookMs: 5 } });
    const { poolId } = await ipam.requestPool(poolRequest('10.1.0.0/24'));
    const [one, two] = [await next(ipam, poolId), await next(ipam, poolId)];
    await bind(ipam, two, 'e2');
    await store.goAway();
    await ipam.releaseAddress(poolId, ip(one));
    await unbind(ipam, two, 'e2');
    await ipam.releaseAddress(poolId, ip(two));
    const again = await next(ipam, poolId);
    expect(again).toBe(one);
    await bind(ipam, again, 'e3');
    await store.comeBack();
    await eventually(async () => (await reserved(ipam)) === 0);
    expect(await addressesOf(ipam)).toMatchObject({ endpoints: 1, resting: 1 });
    expect(store.lost).toEqual([]);
  });

  test('never has what was resting when the store went away: another host may have it by now', async () => {
    await using cluster = new Cluster();
    const { ipam, store } = awayHost(cluster, 'h1', { reserves: { size: 0, lookMs: 5 } });
    const other = cluster.host('h2');
    const { poolId } = await ipam.requestPool(poolRequest('10.1.0.0/29'));
    const theirs = await other.requestPool(poolRequest('10.1.0.0/29'));
    const address = await next(ipam, poolId);
    await ipam.releaseAddress(poolId, ip(address));
    await store.goAway();
    const taken = await Promise.all(Array.from({ length: 5 }, () => next(other, theirs.poolId)));
    expect(taken).toContain(address);
    await expect(next(ipam, poolId)).rejects.toEqual(AWAY);
    await expect(ipam.requestAddress(poolId, { purpose: 'endpoint', address: ip(address) })).rejects.toEqual(
      AWAY,
    );
    const binding = { poolKey: 'xnet-local~10.1.0.0/29', address, endpointId: 'e', networkId: 'n' };
    await expect(ipam.addressBook.bindPlan(binding)).rejects.toEqual(AWAY);
  });

  test('does not have what was being put to rest when the store went away', async () => {
    await using cluster = new Cluster();
    const { ipam, store } = awayHost(cluster, 'h1', { reserves: { size: 0, lookMs: 5 } });
    const { poolId } = await ipam.requestPool(poolRequest('10.1.0.0/24'));
    const address = ip(await next(ipam, poolId));
    store.loseNextAnswer({ applied: true });
    await ipam.releaseAddress(poolId, address);
    expect(store.away).toBe(true);
    await expect(next(ipam, poolId)).rejects.toEqual(AWAY);
    await store.comeBack();
    expect(await addressesOf(ipam)).toMatchObject({ endpoints: 0, reserved: 0, resting: 1 });
  });

  test('gives a named address of its own, and refuses any other while the store is away', async () => {
    await using cluster = new Cluster();
    const { ipam, store } = awayHost(cluster, 'h1');
    const { poolId } = await ipam.requestPool(poolRequest('10.1.0.0/24'));
    const released = ip(await next(ipam, poolId));
    const held = ip(await next(ipam, poolId));
    await store.goAway();
    const name = (address: typeof held) => ipam.requestAddress(poolId, { purpose: 'endpoint', address });
    await ipam.releaseAddress(poolId, released);
    await name(released);
    await expect(name(released)).rejects.toMatchObject({ code: 'IN_USE' });
    await expect(name(held)).rejects.toMatchObject({ code: 'IN_USE' });
    await expect(name(ip('10.1.0.100'))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('10.1.0.100 cannot be claimed while the store'),
    });
  });

  test('gives a named address of its own while the store answers', async () => {
    await using cluster = new Cluster();
    const { ipam } = awayHost(cluster, 'h1');
    const { poolId, poolKey } = await ipam.requestPool(poolRequest('10.1.0.0/24'));
    await next(ipam, poolId);
    await eventually(async () => (await reserved(ipam)) === 4);
    const { entries } = await cluster.store.list(keys.addressesOf(poolKey));
    const kept = entries.find(({ value }) => value.includes('"reserve"'));
    const address = ip(kept?.key.split('/').pop() ?? '');
    await ipam.requestAddress(poolId, { purpose: 'endpoint', address });
    expect(await next(ipam, poolId)).toBe('10.1.0.3');
  });

  test('is found again by the next daemon, which needs no claim for it', async () => {
    await using cluster = new Cluster();
    const { ipam, store } = awayHost(cluster, 'h1');
    const { poolId } = await ipam.requestPool(poolRequest('10.1.0.0/24'));
    await next(ipam, poolId);
    await eventually(async () => (await reserved(ipam)) === 4);
    await ipam[Symbol.asyncDispose]();
    const restarted = cluster.host('h1', { store, reserves: { size: 2, lookMs: 5, handOverMs: 50 } });
    await eventually(async () => (await reserved(restarted)) === 2);
    await store.goAway();
    await next(restarted, poolId);
    await next(restarted, poolId);
    await expect(next(restarted, poolId)).rejects.toEqual(AWAY);
  });

  test('lies in the range of its network, for a daemon that was started again too', async () => {
    await using cluster = new Cluster();
    const { ipam, store } = awayHost(cluster, 'h1', { reserves: { size: 0, lookMs: 5 } });
    const range = prefix('10.1.0.64/26');
    const { poolId, poolKey } = await ipam.requestPool(poolRequest('10.1.0.0/24', { range }));
    const binding = { networkId: 'n', hostId: 'id-of-h1', dockerNetworkId: 'd', poolIds: [poolId] };
    await cluster.store.commit([], putBinding({ version: 1, ...binding }));
    expect(await next(ipam, poolId)).toBe('10.1.0.64');
    await ipam[Symbol.asyncDispose]();
    const restarted = cluster.host('h1', { store, reserves: RESERVES });
    await eventually(async () => (await reserved(restarted)) === 4);
    const { entries } = await cluster.store.list(keys.addressesOf(poolKey));
    expect(entries.every((entry) => range.contains(ip(entry.key.split('/').pop() ?? '')))).toBe(true);
  });

  test('is freed where it belongs to no network of this host any more', async () => {
    await using cluster = new Cluster();
    const { ipam, store } = awayHost(cluster, 'h1');
    await bind(ipam, '10.1.0.2', 'e1');
    await store.goAway();
    await unbind(ipam, '10.1.0.2', 'e1');
    await bind(ipam, '10.1.0.2', 'e2');
    await unbind(ipam, '10.1.0.2', 'e2');
    await store.comeBack();
    await eventually(async () => (await cluster.keys()).length === 0);
  });
});

describe("the reserve where Docker's own IPAM hands out the addresses", () => {
  const SIZE = { size: 3, lookMs: 5 };
  const lastsOf = async (cluster: Cluster) => {
    const { entries } = await cluster.store.list(keys.addressesOf(POOL));
    const kept = entries.filter(({ value }) => value.includes('"reserve"'));
    return kept.map(({ key }) => key.split('.').pop()).join(' ');
  };

  test('is the lowest addresses on from its first container, and one that is released is among them', async () => {
    await using cluster = new Cluster();
    const { ipam } = awayHost(cluster, 'h1', { reserves: { ...SIZE, isPoolHere: () => true } });
    const other = cluster.host('h2');
    const theirs = await other.requestPool(poolRequest('10.1.0.0/24'));
    await other.requestAddress(theirs.poolId, { purpose: 'endpoint', address: ip('10.1.0.5') });
    await bind(ipam, '10.1.0.3', 'e1');
    await eventually(async () => (await lastsOf(cluster)) === '4 6 7');
    await bind(ipam, '10.1.0.4', 'e2');
    await eventually(async () => (await lastsOf(cluster)) === '6 7 8');
    await unbind(ipam, '10.1.0.3', 'e1');
    await eventually(async () => (await lastsOf(cluster)) === '3 6 7');
    expect((await cluster.store.list(`${keys.addressesOf(POOL)}10.1.0.8`)).entries[0]?.value).toContain(
      'resting',
    );
  });

  test('serves while the store is away, by a daemon too that was started again', async () => {
    await using cluster = new Cluster();
    const reserves = { ...SIZE, isPoolHere: () => true };
    const { ipam, store } = awayHost(cluster, 'h1', { reserves });
    await bind(ipam, '10.1.0.2', 'e1');
    await eventually(async () => (await lastsOf(cluster)) === '3 4 5');
    await ipam[Symbol.asyncDispose]();
    const restarted = cluster.host('h1', { store, reserves });
    await bind(restarted, '10.1.0.3', 'e2');
    await eventually(async () => (await lastsOf(cluster)) === '4 5 6');
    await store.goAway();
    await unbind(restarted, '10.1.0.2', 'e1');
    for (const last of [2, 4, 5, 6]) await bind(restarted, `10.1.0.${last}`, `e-${last}`);
    await expect(bind(restarted, '10.1.0.7', 'e7')).rejects.toEqual(AWAY);
    await store.comeBack();
    await eventually(async () => (await lastsOf(cluster)) === '7 8 9');
    expect(store.lost).toEqual([]);
  });

  test('is free at once when the Docker network is gone', async () => {
    await using cluster = new Cluster();
    let isHere = true;
    const reserves = { ...SIZE, isPoolHere: () => isHere };
    const { ipam } = awayHost(cluster, 'h1', { reserves });
    await bind(ipam, '10.1.0.2', 'e1');
    await eventually(async () => (await lastsOf(cluster)) === '3 4 5');
    await unbind(ipam, '10.1.0.2', 'e1');
    isHere = false;
    await eventually(async () => (await cluster.keys()).length === 0);
  });
});

describe('an address that another host has in reserve', () => {
  /** h1 has it; h2 wants it. */
  async function twoHosts(cluster: Cluster) {
    const one = awayHost(cluster, 'h1');
    const two = cluster.host('h2', { reserves: { size: 0, lookMs: 5 }, budgetMs: 50 });
    const { poolId } = await one.ipam.requestPool(poolRequest('10.1.0.0/24'));
    const theirs = await two.requestPool(poolRequest('10.1.0.0/24'));
    await next(one.ipam, poolId);
    await eventually(async () => (await reserved(one.ipam)) === 4);
    const { entries } = await cluster.store.list(keys.addressesOf(POOL));
    const kept = entries.find(({ value }) => value.includes('"reserve"'));
    return { one, two, poolId: theirs.poolId, address: kept?.key.split('/').pop() ?? '' };
  }

  test.each(['endpoint', 'auxiliary', 'gateway'] as const)(
    'is given up when it is named: as %s',
    async (purpose) => {
      await using cluster = new Cluster();
      const { two, poolId, address } = await twoHosts(cluster);
      await two.requestAddress(poolId, { purpose, address: ip(address) });
      await eventually(async () => !(await cluster.keys()).some((key) => key.startsWith('address-wishes/')));
    },
  );

  test('is not taken again by the host that gave it up', async () => {
    await using cluster = new Cluster();
    const one = awayHost(cluster, 'h1', { reserves: { size: 15, lookMs: 5 } });
    const { poolId } = await one.ipam.requestPool(poolRequest('10.1.0.0/26'));
    await next(one.ipam, poolId);
    await eventually(async () => (await reserved(one.ipam)) === 15);
    // All of where a reserve is looked for first.
    const wished = Array.from({ length: 15 }, (_, index) => `${keys.addressesOf(SMALL)}10.1.0.${33 + index}`);
    await cluster.store.commit(
      [],
      wished.map((key) => ({ put: keys.addressRequest(key), value: 'h2' })),
    );
    const isNotOne = async () => (await cluster.keys()).every((key) => !wished.includes(key));
    await eventually(isNotOne);
    await eventually(async () => (await reserved(one.ipam)) === 15);
    expect(await isNotOne()).toBe(true);
  });

  test("is given up when Docker's own IPAM chose it", async () => {
    await using cluster = new Cluster();
    const { two, address } = await twoHosts(cluster);
    const plan = await two.addressBook.bindPlan({ poolKey: POOL, address, endpointId: 'e', networkId: 'n' });
    expect((await cluster.store.commit(plan.conditions, plan.writes)).committed).toBe(true);
  });

  test('is refused while that host is away, naming it', async () => {
    await using cluster = new Cluster();
    const { one, two, poolId, address } = await twoHosts(cluster);
    await one.store.goAway();
    await expect(
      two.requestAddress(poolId, { purpose: 'endpoint', address: ip(address) }),
    ).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringContaining(`${address} is held by host h1, in reserve`),
    });
  });
});

describe('a pool that fills', () => {
  test('is used to its last address: hosts give back, and use their own', async () => {
    await using cluster = new Cluster();
    const names = ['h1', 'h2', 'h3'];
    const hosts = names.map((name) => cluster.host(name, { reserves: { size: 8, lookMs: 5 } }));
    const pools = await Promise.all(hosts.map((host) => host.requestPool(poolRequest('10.1.0.0/26'))));
    for (const [index, host] of hosts.entries()) await next(host, pools[index]!.poolId);
    await eventually(async () => (await reserved(hosts[0]!)) === 12);
    const start = async (count: number) => {
      const host = hosts[count % 3]!;
      const address = await next(host, pools[count % 3]!.poolId);
      await bind(host, address, `e${count}`, SMALL);
      return address;
    };
    const rest = await Promise.all(Array.from({ length: 58 }, (_, count) => start(count)));
    expect(new Set(rest).size).toBe(58);
    await expect(next(hosts[0]!, pools[0]!.poolId)).rejects.toMatchObject({ code: 'EXHAUSTED' });
    expect(await addressesOf(hosts[0]!)).toMatchObject({ endpoints: 61, reserved: 0 });
  });

  test('of a /27 or smaller has no reserve', async () => {
    await using cluster = new Cluster();
    const { ipam } = awayHost(cluster, 'h1');
    const { poolId } = await ipam.requestPool(poolRequest('10.1.0.0/27'));
    for (let count = 0; count < 29; count++) await next(ipam, poolId);
    expect(await reserved(ipam)).toBe(0);
  });
});
