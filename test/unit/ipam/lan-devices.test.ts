/** Addresses of networks on a LAN: those that devices have are set aside, and given to no container. */
import { describe, expect, jest, test } from '@jest/globals';
import type { Ipam } from '../../../src/ipam/ipam.js';
import { addressRecord, foreign, reviewed, stateOf } from '../../../src/model/address.js';
import { keys } from '../../../src/model/keys.js';
import { findRecord } from '../../../src/model/record.js';
import { Cluster, type HostOptions, ip, next, poolRequest, replacing } from '../../support/ipam/cluster.js';
import { LanOfDevices } from '../../support/ipam/lan-of-devices.js';
import { AwayStore } from '../../support/store/away-store.js';
import { eventually } from '../../support/time/eventually.js';

const SUBNET = '10.1.0.0/24';
const POOL = `xnet-local~${SUBNET}`;
const PRINTER = '02:00:00:00:00:09';
const RESERVES = { size: 8, lookMs: 5 };

async function onLan(cluster: Cluster, lan: LanOfDevices, name = 'h1', reserves = { size: 0, lookMs: 5 }) {
  const ipam = cluster.host(name, { lan, reserves });
  const { poolId } = await ipam.requestPool(poolRequest(SUBNET));
  return { ipam, poolId };
}

function twoHosts(cluster: Cluster, subnet: string, options: HostOptions) {
  const on = async (name: string) => {
    const ipam = cluster.host(name, options);
    return { ipam, poolId: (await ipam.requestPool(poolRequest(subnet))).poolId };
  };
  return Promise.all([on('h1'), on('h2')]);
}

async function stateIn(cluster: Cluster, address: string) {
  const entry = await cluster.store.get(keys.address(POOL, address));
  const record = entry && findRecord(addressRecord, entry);
  return record && { state: stateOf(record), device: record.device };
}

const counts = async (ipam: Ipam) => (await ipam.describePools())[0]?.addresses;
const named = (ipam: Ipam, poolId: string, address: string) =>
  ipam.requestAddress(poolId, { purpose: 'endpoint', address: ip(address) });

describe('a device on the LAN', () => {
  test('keeps its address, which all hosts pass over from then on without a question', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    lan.devices.set('10.1.0.2', PRINTER).set('10.1.0.3', PRINTER);
    const { ipam, poolId } = await onLan(cluster, lan);
    expect(await next(ipam, poolId)).toBe('10.1.0.4');
    expect(await stateIn(cluster, '10.1.0.2')).toMatchObject({ state: 'foreign', device: { mac: PRINTER } });
    expect(await counts(ipam)).toMatchObject({ foreign: 2, endpoints: 1, auxiliaries: 0 });
    // One question, for what came next as well.
    expect(lan.asked.length).toBe(1);
    expect(lan.waits).toEqual([30]);
    const silent = new LanOfDevices();
    const other = await onLan(cluster, silent, 'h2');
    expect(await next(other.ipam, other.poolId)).toBe('10.1.0.5');
  });

  test('is asked for nothing in a network that is on none', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices(false);
    lan.devices.set('10.1.0.2', PRINTER);
    const { ipam, poolId } = await onLan(cluster, lan, 'h1', RESERVES);
    expect(await next(ipam, poolId)).toBe('10.1.0.2');
    await ipam.lookAgainAtLans();
    expect(lan.asked).toEqual([]);
  });

  test('is not waited for by a host that cannot ask', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    lan.isUp = false;
    const { ipam, poolId } = await onLan(cluster, lan);
    expect(await next(ipam, poolId)).toBe('10.1.0.2');
    await ipam.addressBook.refuseUsed([{ poolKey: POOL, address: '10.1.0.2' }]);
  });

  test('refuses an endpoint with its address, whichever IPAM chose that', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    lan.devices.set('10.1.0.9', PRINTER);
    const { ipam } = await onLan(cluster, lan);
    await expect(ipam.addressBook.refuseUsed([{ poolKey: POOL, address: '10.1.0.9' }])).rejects.toThrow(
      `address 10.1.0.9 is used by a device with MAC ${PRINTER} on LAN eth1; choose another (--ip), or switch it off`,
    );
  });

  test('is asked again before it refuses: a container that moved may have answered', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    lan.devices.set('10.1.0.9', PRINTER);
    const { ipam } = await onLan(cluster, lan);
    const { whoHas } = lan;
    lan.whoHas = async (...question) => {
      const answers = await whoHas.apply(lan, question);
      lan.devices.clear();
      return answers;
    };
    await ipam.addressBook.refuseUsed([{ poolKey: POOL, address: '10.1.0.9' }]);
    expect(lan.waits).toEqual([30, 300]);
  });

  test('is asked for an address that somebody names, however short ago that was asked for', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    const { ipam, poolId } = await onLan(cluster, lan);
    await next(ipam, poolId);
    lan.devices.set('10.1.0.9', PRINTER);
    await named(ipam, poolId, '10.1.0.9');
    await expect(ipam.addressBook.refuseUsed([{ poolKey: POOL, address: '10.1.0.9' }])).rejects.toThrow(
      'used by a device',
    );
  });

  test('is asked for no address twice within a minute', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    const { ipam, poolId } = await onLan(cluster, lan);
    const address = await next(ipam, poolId);
    await ipam.addressBook.refuseUsed([{ poolKey: POOL, address }]);
    await Promise.all([next(ipam, poolId), next(ipam, poolId)]);
    expect(lan.asked.length).toBe(1);
  });

  test('gives its address to who names it, once it is switched off', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    lan.devices.set('10.1.0.2', PRINTER);
    const { ipam, poolId } = await onLan(cluster, lan);
    await next(ipam, poolId);
    await expect(named(ipam, poolId, '10.1.0.2')).rejects.toThrow(
      `address 10.1.0.2 is held by a device with MAC ${PRINTER} on the LAN`,
    );
    lan.devices.clear();
    expect(`${(await named(ipam, poolId, '10.1.0.2')).address}`).toBe('10.1.0.2');
    expect(await stateIn(cluster, '10.1.0.2')).toEqual({ state: 'claimed', device: undefined });
  });

  test('may be a gateway of a network, or its auxiliary address', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    lan.devices.set('10.1.0.2', PRINTER).set('10.1.0.3', PRINTER);
    const { ipam, poolId } = await onLan(cluster, lan);
    await next(ipam, poolId);
    await ipam.requestAddress(poolId, { purpose: 'gateway', address: ip('10.1.0.2') });
    await ipam.requestAddress(poolId, { purpose: 'auxiliary', address: ip('10.1.0.3') });
    expect(await counts(ipam)).toMatchObject({ gateways: 1, auxiliaries: 1, foreign: 0 });
  });

  test('is asked again when its address is free again, however short ago it answered this host', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    lan.devices.set('10.2.0.2', PRINTER);
    let questions = 0;
    lan.isOnLan = () => {
      if (++questions > 500) throw new Error('asked again and again');
      return true;
    };
    const [one, other] = await twoHosts(cluster, '10.2.0.0/29', { lan, restSeconds: 0 });
    const first = await Promise.all([one, other].map(({ ipam, poolId }) => next(ipam, poolId)));
    lan.devices.clear();
    await named(one.ipam, one.poolId, '10.2.0.2');
    await one.ipam.releaseAddress(one.poolId, ip('10.2.0.2'));
    const later = await Promise.all([1, 2, 3].map(() => next(other.ipam, other.poolId)));
    expect([...first, ...later].sort()).toEqual([2, 3, 4, 5, 6].map((last) => `10.2.0.${last}`));
  });

  test('may answer with a MAC that no interface has, as clusters of servers do', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    lan.devices.set('10.1.0.2', '03:bf:0a:01:00:02').set('10.1.0.3', '00:00:00:00:00:00');
    const { ipam, poolId } = await onLan(cluster, lan);
    expect(await next(ipam, poolId)).toBe('10.1.0.4');
    expect(await counts(ipam)).toMatchObject({ foreign: 2 });
  });

  test('leaves nothing in the store when the pool is gone', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    lan.devices.set('10.1.0.2', PRINTER);
    const { ipam, poolId } = await onLan(cluster, lan);
    await next(ipam, poolId);
    await ipam.releasePool(poolId);
    expect(await cluster.keys()).toEqual([]);
  });
});

describe('a container that has just gone from another host', () => {
  const SMALL = '10.3.0.0/30';
  const HOST = '02:00:00:00:01:01';

  /** Of the pool's single address: a host whose container had it, and one that is given it next. */
  async function moving(cluster: Cluster, lan: LanOfDevices) {
    const [one, other] = await twoHosts(cluster, SMALL, { lan });
    await named(one.ipam, one.poolId, '10.3.0.2');
    lan.devices.set('10.3.0.2', HOST);
    await one.ipam.releaseAddress(one.poolId, ip('10.3.0.2'));
    return other;
  }

  test('answers until its interface is gone: its address is asked for again, and given out', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    const { ipam, poolId } = await moving(cluster, lan);
    const { whoHas } = lan;
    lan.whoHas = async (...question) => {
      const answers = await whoHas.apply(lan, question);
      lan.devices.clear();
      return answers;
    };
    expect(await next(ipam, poolId)).toBe('10.3.0.2');
  });

  test('costs nobody its address for longer than it answers', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    const { ipam, poolId } = await moving(cluster, lan);
    await expect(next(ipam, poolId)).rejects.toThrow('no address is free');
    lan.devices.clear();
    await ipam.lookAgainAtLans();
    expect(await next(ipam, poolId)).toBe('10.3.0.2');
  });
});

describe('a reserve', () => {
  test('has no address of a device, and nobody waits for a question about it', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    lan.devices.set('10.1.0.3', PRINTER);
    const { ipam, poolId } = await onLan(cluster, lan, 'h1', RESERVES);
    await next(ipam, poolId);
    await eventually(async () => expect(await counts(ipam)).toMatchObject({ reserved: 8, foreign: 1 }));
    expect(lan.waits.slice(1).every((waitMs) => waitMs === 300)).toBe(true);
    const before = lan.asked.length;
    expect(await next(ipam, poolId)).toBe('10.1.0.4');
    expect(lan.asked.length).toBe(before);
  });

  test('of a network that is on no LAN does not wait for questions on LANs, nor these for each other', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    lan.isOnLan = (poolKey?: string) => poolKey !== POOL;
    let [pending, most] = [0, 0];
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    lan.whoHas = async (_, __, waitMs) => {
      most = Math.max(most, ++pending);
      if (waitMs === 300) await answered;
      return { interface: 'eth1', devices: new Map() };
    };
    const ipam = cluster.host('h1', { lan, reserves: RESERVES });
    const subnets = ['10.4.0.0/24', '10.5.0.0/24', SUBNET];
    const holds = await Promise.all(subnets.map((subnet) => ipam.requestPool(poolRequest(subnet))));
    const firsts = ['10.4.0.2', '10.5.0.2', '10.1.0.2'];
    for (const [i, address] of firsts.entries()) await named(ipam, holds[i]?.poolId ?? '', address);
    try {
      await eventually(async () => {
        const overlay = (await ipam.describePools()).find(({ subnet }) => subnet === SUBNET);
        expect([overlay?.addresses.reserved, most]).toEqual([8, 2]);
      });
    } finally {
      answer();
    }
  });

  test('loses the address of a device that is switched on later', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    const { ipam, poolId } = await onLan(cluster, lan, 'h1', RESERVES);
    await next(ipam, poolId);
    await eventually(async () => expect(await counts(ipam)).toMatchObject({ reserved: 8 }));
    lan.devices.set('10.1.0.3', PRINTER);
    await ipam.lookAgainAtLans();
    expect(await stateIn(cluster, '10.1.0.3')).toMatchObject({ state: 'foreign' });
    expect(await next(ipam, poolId)).toBe('10.1.0.4');
  });

  test('gives no address of a device while the store is away', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    const store = new AwayStore(cluster.store, 'id-of-h1');
    const ipam = cluster.host('h1', { store, lan, reserves: RESERVES, budgetMs: 300 });
    const { poolId } = await ipam.requestPool(poolRequest(SUBNET));
    await next(ipam, poolId);
    await eventually(async () => expect(await counts(ipam)).toMatchObject({ reserved: 8 }));
    const { entries } = await cluster.store.list(keys.addressesOf(POOL));
    const reserved = entries.filter(({ value }) => JSON.parse(value).reserve);
    const addresses = reserved.map(({ key }) => key.split('/').at(-1) ?? '');
    for (const address of addresses.slice(1)) lan.devices.set(address, PRINTER);
    await store.goAway();
    await ipam.lookAgainAtLans();
    expect(lan.devices.has(await next(ipam, poolId))).toBe(false);
  });
});

describe('a start', () => {
  const many = (lan: LanOfDevices) => {
    for (let last = 2; last < 14; last += 1) lan.devices.set(`10.1.0.${last}`, PRINTER);
  };

  test('waits for one commit, not for one after the other, when many devices answer', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    many(lan);
    let [pending, most] = [0, 0];
    const store = replacing(cluster.store, {
      commit: async (...commit) => {
        most = Math.max(most, ++pending);
        await new Promise((resolve) => setTimeout(resolve, 5));
        return cluster.store.commit(...commit).finally(() => --pending);
      },
    });
    const ipam = cluster.host('h1', { lan, store });
    const { poolId } = await ipam.requestPool(poolRequest(SUBNET));
    expect(await next(ipam, poolId)).toBe('10.1.0.14');
    expect(most).toBe(12);
  });

  test('ends, with the reason, where devices answer for all that can be tried', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    let passedMs = 0;
    const now = performance.now.bind(performance);
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + passedMs);
    lan.whoHas = async (_, addresses, waitMs) => {
      passedMs += waitMs;
      if (passedMs > 60_000) throw new Error('asked without end');
      return { interface: 'eth1', devices: new Map(addresses.map((address) => [address, PRINTER])) };
    };
    const ipam = cluster.host('h1', { lan });
    const { poolId } = await ipam.requestPool(poolRequest('fd00:1::/64', { family: 6 }));
    await expect(next(ipam, poolId)).rejects.toThrow(
      'devices on the LAN answer for all addresses that were tried',
    );
    expect(passedMs).toBeLessThan(10_000);
    clock.mockRestore();
  }, 20_000);

  test('does not wait for a store that is away to set addresses aside', async () => {
    await using cluster = new Cluster();
    const lan = new LanOfDevices();
    lan.isUp = false;
    const store = new AwayStore(cluster.store, 'id-of-h1');
    const ipam = cluster.host('h1', { store, lan, reserves: RESERVES, budgetMs: 300 });
    const { poolId } = await ipam.requestPool(poolRequest(SUBNET));
    await next(ipam, poolId);
    await eventually(async () => expect(await counts(ipam)).toMatchObject({ reserved: 8 }));
    lan.isUp = true;
    many(lan);
    await store.goAway();
    let refused = 0;
    const commit = store.commit.bind(store);
    store.commit = (...writes) =>
      commit(...writes).catch((error: unknown) => {
        if (JSON.stringify(writes).includes('device')) refused += 1;
        throw error;
      });
    expect(lan.devices.has(await next(ipam, poolId))).toBe(false);
    expect(refused).toBe(0);
  });
});

describe('the record of an address that is set aside', () => {
  const FOUND = '2026-11-30T10:00:00.000Z';
  const record = foreign({ hostId: 'id', hostName: 'h1' }, 'c', { mac: PRINTER, since: FOUND, seen: FOUND });
  const known = { ...record, device: { mac: PRINTER, since: FOUND, seen: FOUND } };
  const later = (hours: number) => new Date(Date.parse(FOUND) + hours * 3_600_000);

  test('is an auxiliary address to an xnet that knows of no devices', () => {
    const { device: _, ...asRead } = record;
    expect(stateOf(asRead)).toBe('shared');
    expect(asRead.purpose).toBe('auxiliary');
  });

  test('stays for a device that does not answer, for a week', () => {
    expect(reviewed(known, undefined, later(7 * 24 - 1))).toBeUndefined();
    expect(reviewed(known, undefined, later(7 * 24 + 1))).toBe('free');
  });

  test('is written once an hour while the device answers, and when another one does', () => {
    expect(reviewed(known, PRINTER, later(0.5))).toBeUndefined();
    expect(reviewed(known, PRINTER, later(2))).toMatchObject({
      device: { mac: PRINTER, since: FOUND, seen: later(2).toISOString() },
    });
    const mac = '02:00:00:00:00:0a';
    expect(reviewed(known, mac, later(0.5))).toMatchObject({
      device: { mac, since: later(0.5).toISOString() },
    });
  });
});
