/** Which LANs a host asks, and who of those that answer is a device. */
import { describe, expect, test } from '@jest/globals';
import { XnetError } from '../../../src/errors.js';
import { AskedLans } from '../../../src/host/lan/asked-lans.js';
import { IpAddress } from '../../../src/inet/ip-address.js';
import { macFor } from '../../../src/inet/mac-address.js';
import { keys } from '../../../src/model/keys.js';
import type { Mode } from '../../../src/model/mode.js';
import { type NetworkRecord, networkRecord } from '../../../src/model/network.js';
import { formatRecord } from '../../../src/model/record.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { muteLogger } from '../../support/loggers.js';
import { MemoryStore } from '../../support/store/memory-store.js';

const ID = '0123456789ab';
const SUBNET = '10.1.0.0/24';
const POOL = `xnet-local~${SUBNET}`;
const PRINTER = '00:00:00:00:00:09';
const MACVLAN: Mode = { kind: 'macvlan', parent: 'eth1', submode: 'bridge', gateways: [] };
const PARENT = { interface: 'eth1.7', mtu: 1500, mac: '02:00:00:00:00:01', isUp: true, hasCarrier: true };

function network(mode: Mode | undefined, id = ID): NetworkRecord {
  const pools = [{ subnet: SUBNET, poolKey: POOL }];
  return {
    version: 2,
    id,
    name: 'office',
    vni: 7,
    multicast: true,
    internal: false,
    pools,
    ...(mode && { mode }),
  };
}

async function lansOf(whoHas: (...question: never[]) => Promise<unknown>, more: object = {}) {
  const store = new MemoryStore();
  const replica = new Replica(store, new RecordReader(muteLogger));
  const clusterNetworks = replica.follow(keys.networks(), networkRecord);
  await clusterNetworks.ready;
  const dataplane = { whoHas, lanParent: async () => undefined, ...more };
  const follower = { endpointsOf: () => [{ mac: '02:00:00:00:00:77' }] };
  const specOf = (record: NetworkRecord) => ({ id: record.id, mode: record.mode });
  const lans = new AskedLans({ dataplane, clusterNetworks, follower, specOf } as never);
  const put = async (record: NetworkRecord) => {
    await replica.commit([], [{ put: keys.network(record.id), value: formatRecord(record) }]);
  };
  const remove = async () => void (await replica.commit([], [{ remove: keys.network(ID) }]));
  const dispose = async () => {
    await replica[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  };
  return { lans, put, remove, [Symbol.asyncDispose]: dispose };
}

const answering = (devices: Record<string, string>) => async () => ({
  interface: 'eth1',
  devices: new Map(Object.entries(devices)),
});

test('a network on a segment with ARP is asked, from its creation to its removal', async () => {
  const ipvlan = (submode: 'l2' | 'l3'): Mode => {
    return { kind: 'ipvlan', parent: 'eth1', submode, flag: 'bridge', gateways: [] };
  };
  const { parent: _, ...inside } = MACVLAN;
  await using host = await lansOf(answering({}));
  let firsts = 0;
  host.lans.onFirst = () => {
    firsts += 1;
  };
  for (const [mode, isAsked] of [
    [undefined, false],
    [{ kind: 'overlay' }, false],
    [inside, false],
    [ipvlan('l3'), false],
    [MACVLAN, true],
    [ipvlan('l2'), true],
  ] as const) {
    await host.put(network(mode as Mode | undefined));
    expect([mode, host.lans.isOnLan(POOL)]).toEqual([mode, isAsked]);
  }
  await host.put(network(MACVLAN));
  expect(firsts).toBe(1);
  await host.remove();
  expect([host.lans.isOnLan(POOL), host.lans.isAny]).toEqual([false, false]);
  expect(await host.lans.whoHas(POOL, ['10.1.0.9'], 30)).toBeUndefined();
});

test('a container of the network is no device, nor is one that had the address a moment ago', async () => {
  const stale = macFor(ID, IpAddress.parse('10.1.0.3'));
  const devices = {
    '10.1.0.2': '02:00:00:00:00:77',
    '10.1.0.3': stale,
    '10.1.0.4': stale,
    '10.1.0.9': PRINTER,
  };
  await using host = await lansOf(answering(devices));
  await host.put(network(MACVLAN));
  const answers = await host.lans.whoHas(POOL, Object.keys(devices), 30);
  expect([...(answers?.devices ?? [])]).toEqual([
    ['10.1.0.4', stale],
    ['10.1.0.9', PRINTER],
  ]);
});

test("that a LAN cannot be asked is a problem until it can; an interface that has gone is another part's", async () => {
  let failure: XnetError | undefined = new XnetError(
    'UNSUPPORTED',
    'xnet may not open packet sockets (EPERM)',
  );
  await using host = await lansOf(async () => {
    if (failure) throw failure;
    return { interface: 'eth1', devices: new Map() };
  });
  await host.put(network(MACVLAN));
  expect(await host.lans.whoHas(POOL, ['10.1.0.9'], 30)).toBeUndefined();
  expect(host.lans.problems).toEqual([
    'the LAN of network office is not asked whether devices use its addresses, so a container may get one that is in use: xnet may not open packet sockets (EPERM)',
  ]);
  failure = undefined;
  await host.lans.whoHas(POOL, ['10.1.0.9'], 30);
  expect(host.lans.problems).toEqual([]);
  failure = new XnetError('NOT_FOUND', 'there is no interface eth1');
  await host.lans.whoHas(POOL, ['10.1.0.9'], 30);
  expect(host.lans.problems).toEqual([]);
});

test('the interface of a VLAN is made before it is asked by, for a container that is to come alone', async () => {
  const made: string[] = [];
  const more = {
    lanParent: async () => ({ ...PARENT, isMade: made.length > 0 }),
    ensureNetwork: async ({ id }: { id: string }) => void made.push(id),
  };
  const answers = async () => (made.length > 0 ? answering({ '10.1.0.9': PRINTER })() : undefined);
  await using host = await lansOf(answers, more);
  await host.put(network({ ...MACVLAN, vlan: 7 }));
  expect(await host.lans.whoHas(POOL, ['10.1.0.9'], 300)).toBeUndefined();
  expect(made).toEqual([]);
  const answered = await host.lans.whoHas(POOL, ['10.1.0.9'], 30, true);
  expect(answered?.devices.get('10.1.0.9')).toBe(PRINTER);
  expect(made).toEqual([ID]);
});

describe('a router that answers for every address (proxy ARP)', () => {
  const ROUTER = '00:00:00:00:00:fe';
  const asking = (hasAddress: (address: string) => boolean) => async (_: unknown, addresses: string[]) => ({
    interface: 'eth1',
    devices: new Map(
      addresses
        .filter((address) => address === '10.1.0.9' || hasAddress(address))
        .map((address) => [address, address === '10.1.0.9' ? PRINTER : ROUTER]),
    ),
  });

  test('has none of them, and is a problem; a device beside it has its own', async () => {
    await using host = await lansOf(asking(() => true) as never);
    await host.put(network(MACVLAN));
    const answers = await host.lans.whoHas(POOL, ['10.1.0.8', '10.1.0.9', '10.1.0.10'], 30);
    expect([...(answers?.devices ?? [])]).toEqual([['10.1.0.9', PRINTER]]);
    expect((await host.lans.whoHas(POOL, ['10.1.0.8'], 30))?.devices.size).toBe(0);
    expect(host.lans.problems).toEqual([
      `on the LAN of network office the device with MAC ${ROUTER} answers for every address (proxy ARP or ND); its answers do not count, so a container may get an address that something behind it has: switch that off there, or give the network a range that nobody else uses (--ip-range)`,
    ]);
    await host.remove();
    expect(host.lans.problems).toEqual([]);
  });

  test('is no device with many addresses', async () => {
    const own = Array.from({ length: 30 }, (_, i) => `10.1.0.${i + 20}`);
    await using host = await lansOf(asking((address) => own.includes(address)) as never);
    await host.put(network(MACVLAN));
    expect((await host.lans.whoHas(POOL, own, 30))?.devices.size).toBe(30);
    expect(host.lans.problems).toEqual([]);
  });
});
