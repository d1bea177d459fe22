/**
 * Two hosts and a printer on one LAN of the kernel: what devices have is set aside, and given to nobody; it is freed when the device is
 * gone for good. The store is in memory.
 */
import { expect, test } from '@jest/globals';
import { LinuxDataplane } from '../../../src/dataplane/linux-dataplane.js';
import { AskedLans } from '../../../src/host/lan/asked-lans.js';
import { macFor } from '../../../src/inet/mac-address.js';
import type { Ipam } from '../../../src/ipam/ipam.js';
import { addressRecord, isForeign } from '../../../src/model/address.js';
import { keys } from '../../../src/model/keys.js';
import { type NetworkRecord, networkRecord } from '../../../src/model/network.js';
import { findRecord, formatRecord } from '../../../src/model/record.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { Cluster, ip, next, poolRequest } from '../../support/ipam/cluster.js';
import { Netns } from '../../support/kernel/netns.js';
import { muteLogger } from '../../support/loggers.js';
import { eventually } from '../../support/time/eventually.js';

const SUBNETS = ['10.77.0.0/24', 'fd77::/120'] as const;
const PRINTER = '02:00:00:00:00:09';
const pool = (subnet: string) => `xnet-local~${subnet}`;

const NETWORK: NetworkRecord = {
  ...{ version: 2, id: '0123456789ab', name: 'office', vni: 77, multicast: true, internal: false },
  mode: { kind: 'macvlan', parent: 'eth1', submode: 'bridge', gateways: [] },
  pools: SUBNETS.map((subnet) => ({ subnet, poolKey: pool(subnet) })),
};

/** A namespace with eth1 on the switch in `wire`. */
async function plugIn(wire: Netns, label: string, mac: string, addresses: readonly string[]): Promise<Netns> {
  const netns = await Netns.create(label);
  await netns.ip(`link add eth1 address ${mac} type veth peer name ${label} netns ${wire.name}`);
  await wire.ip(`link set ${label} master lan up`);
  for (const address of addresses)
    await netns.ip(`addr add ${address} dev eth1${address.includes(':') ? ' nodad' : ''}`);
  await netns.ip('link set eth1 up');
  return netns;
}

class Host implements AsyncDisposable {
  private constructor(
    readonly ipam: Ipam,
    readonly lans: AskedLans,
    private readonly parts: readonly AsyncDisposable[],
  ) {}

  static async start(cluster: Cluster, name: string, netns: Netns): Promise<Host> {
    const dataplane = new LinuxDataplane({ hostNamespace: netns.name });
    const replica = new Replica(cluster.store, new RecordReader(muteLogger));
    const clusterNetworks = replica.follow(keys.networks(), networkRecord);
    await clusterNetworks.ready;
    const specOf = ({ id, vni, multicast, mode }: NetworkRecord) => ({ id, vni, multicast, mtu: 1500, mode });
    const follower = { endpointsOf: () => [] };
    const lans = new AskedLans({ dataplane, clusterNetworks, follower, specOf } as never);
    const ipam = cluster.host(name, { lan: lans, reserves: { size: 8, lookMs: 5 } });
    return new Host(ipam, lans, [replica, dataplane]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of this.parts) await part[Symbol.asyncDispose]();
  }
}

const holdOn = async ({ ipam }: Host, subnet: string) =>
  (await ipam.requestPool(poolRequest(subnet, { family: subnet.includes(':') ? 6 : 4 }))).poolId;

/** MACs by address, of what is set aside. */
async function setAside(cluster: Cluster): Promise<Record<string, string>> {
  const { entries } = await cluster.store.list(keys.addresses());
  const found = entries.flatMap((entry) => {
    const record = findRecord(addressRecord, entry);
    const address = decodeURIComponent(entry.key.split('/').at(-1) ?? '');
    return isForeign(record) ? [[address, record.device.mac] as const] : [];
  });
  return Object.fromEntries(found);
}

async function makeLan() {
  const wire = await Netns.create('wire');
  await wire.ip('link add lan type bridge forward_delay 0 mcast_snooping 0');
  await wire.ip('link set lan up');
  const h1 = await plugIn(wire, 'h1', '02:00:00:00:01:01', ['10.77.0.2/24']);
  const h2 = await plugIn(wire, 'h2', '02:00:00:00:01:02', ['10.77.0.5/24', 'fd77::5/64']);
  const printer = await plugIn(wire, 'printer', PRINTER, ['10.77.0.3/24', 'fd77::3/64']);
  await eventually(async () => expect(await h1.reaches('10.77.0.3', 1)).toBe(true));
  return { wire, h1, h2, printer };
}

test('addresses of devices and hosts are given to nobody, on any host, and are named', async () => {
  const lan = await makeLan();
  await using _ = lan.wire;
  await using __ = lan.h1;
  await using ___ = lan.h2;
  await using ____ = lan.printer;
  await using cluster = new Cluster();
  await cluster.store.commit([], [{ put: keys.network(NETWORK.id), value: formatRecord(NETWORK) }]);
  await using h1 = await Host.start(cluster, 'h1', lan.h1);
  await using h2 = await Host.start(cluster, 'h2', lan.h2);
  const holds = await Promise.all(
    [h1, h2].flatMap((host) => SUBNETS.map(async (subnet) => ({ host, poolId: await holdOn(host, subnet) }))),
  );
  const given = await Promise.all(
    holds.flatMap(({ host, poolId }) => Array.from({ length: 15 }, () => next(host.ipam, poolId))),
  );
  expect(new Set(given).size).toBe(given.length);
  const taken = ['10.77.0.2', '10.77.0.3', '10.77.0.5', 'fd77::3', 'fd77::5'];
  expect(given.filter((address) => taken.includes(address))).toEqual([]);
  expect(await setAside(cluster)).toEqual({
    '10.77.0.2': '02:00:00:00:01:01',
    '10.77.0.3': PRINTER,
    '10.77.0.5': '02:00:00:00:01:02',
    'fd77::3': PRINTER,
    'fd77::5': '02:00:00:00:01:02',
  });
  expect([...h1.lans.problems, ...h2.lans.problems]).toEqual([]);

  // Switched on later, with an address that waits in the reserve of a host.
  let address = '';
  await eventually(async () => {
    const { entries } = await cluster.store.list(keys.addressesOf(pool(SUBNETS[0])));
    const reserved = entries.find(({ value }) => value.includes('"reserve":true'));
    address = reserved?.key.split('/').at(-1) ?? '';
    return address !== '';
  });
  await lan.printer.ip(`addr add ${address}/24 dev eth1`);
  for (const { ipam } of [h1, h2]) await ipam.lookAgainAtLans();
  expect(await setAside(cluster)).toMatchObject({ [address]: PRINTER });
  const later = await Promise.all(
    holds.flatMap(({ host, poolId }) => Array.from({ length: 10 }, () => next(host.ipam, poolId))),
  );
  expect(later).not.toContain(address);

  // A container that moves answers on its former host for a moment: it is no device.
  const moved = '10.77.0.200';
  await lan.h2.ip(
    `link add link eth1 name child address ${macFor(NETWORK.id, ip(moved))} type macvlan mode bridge`,
  );
  // As if it were in a namespace of its own: eth1 does not answer for it.
  await lan.h2.exec('sysctl', '-qw', 'net.ipv4.conf.eth1.arp_ignore=1');
  await lan.h2.ip('link set child up');
  await lan.h2.ip(`addr add ${moved}/32 dev child`);
  const asked = await h1.lans.whoHas(pool(SUBNETS[0]), [moved, '10.77.0.3'], 100);
  expect([...(asked?.devices.keys() ?? [])]).toEqual(['10.77.0.3']);
}, 60_000);

test('an address is freed a week after its device last answered; a host that is off the LAN does not wait', async () => {
  const lan = await makeLan();
  await using _ = lan.wire;
  await using __ = lan.h1;
  await using ___ = lan.h2;
  await using ____ = lan.printer;
  await using cluster = new Cluster();
  await cluster.store.commit([], [{ put: keys.network(NETWORK.id), value: formatRecord(NETWORK) }]);
  const key = keys.address(pool(SUBNETS[0]), '10.77.0.3');
  await using h1 = await Host.start(cluster, 'h1', lan.h1);
  await next(h1.ipam, await holdOn(h1, SUBNETS[0]));
  expect(await setAside(cluster)).toMatchObject({ '10.77.0.3': PRINTER });

  await lan.printer.ip('link set eth1 down');
  const entry = await cluster.store.get(key);
  const record = JSON.parse(entry?.value ?? '');
  const seen = new Date(Date.now() - 8 * 24 * 3_600_000).toISOString();
  const old = { ...record, device: { ...record.device, since: seen, seen } };
  await cluster.store.commit([], [{ put: key, value: JSON.stringify(old) }]);
  await using h2 = await Host.start(cluster, 'h2', lan.h2);
  await next(h2.ipam, await holdOn(h2, SUBNETS[0]));
  await h2.ipam.lookAgainAtLans();
  expect(await setAside(cluster)).not.toHaveProperty(['10.77.0.3']);

  await lan.h2.ip('link set eth1 down');
  const started = performance.now();
  expect(await h2.lans.whoHas(pool(SUBNETS[0]), ['10.77.0.99'], 10_000)).toBeUndefined();
  expect(performance.now() - started).toBeLessThan(5_000);
}, 60_000);
