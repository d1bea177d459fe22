/** Asking again changes nothing; what others broke is repaired; what is removed leaves nothing behind. */
import { describe, expect, test } from '@jest/globals';
import type { NetworkSpec } from '../../../src/dataplane/dataplane.js';
import { LinuxDataplane } from '../../../src/dataplane/linux-dataplane.js';
import { Netns } from '../../support/kernel/netns.js';
import {
  type Remote,
  remoteOf,
  remotesOf,
  type TestHost,
  TestUnderlay,
} from '../../support/kernel/netns-hosts.js';
import { run } from '../../support/programs/command.js';

/** Everything iproute2 tells of the network's namespace, without timers and counters. */
async function dump(network: NetworkSpec): Promise<unknown> {
  const netns = Netns.of(`xnet-${network.id}`);
  const shown = await Promise.all([
    netns.ip('-d -j link show'),
    netns.bridge('-d -j fdb show'),
    netns.bridge('-d -j link show'),
    netns.ip('-j neigh show'),
  ]);
  return shown.map((text) => JSON.parse(text.replace(/"[a-z_]*timer":[0-9.]+,?/g, '').replace(/,}/g, '}')));
}

async function namesIn(netns: Netns): Promise<string[]> {
  const links: { ifname: string }[] = JSON.parse(await netns.ip('-j link show'));
  return links.map(({ ifname }) => ifname);
}

async function twoHosts(underlay: TestUnderlay) {
  const [a, b] = underlay.hosts;
  const first = await underlay.container(a!, underlay.network(a!, 'shop'), ['10.1.0.2/24', 'fd01::2/64']);
  const second = await underlay.container(b!, underlay.network(b!, 'shop'), ['10.1.0.3/24', 'fd01::3/64']);
  await underlay.connect([first, second]);
  return { a: a!, first, second };
}

describe('asking again', () => {
  test('changes nothing in the kernel and loses no packet, in this process and in the next', async () => {
    await using underlay = await TestUnderlay.create(2);
    const { a, first, second } = await twoHosts(underlay);
    const before = await dump(first.network);
    const pinging = first.netns.start('ping', '-n', '-i', '0.01', '-q', second.addresses[0]!);
    await using restarted = new LinuxDataplane({ hostNamespace: a.netns.name });
    const forwarding = remotesOf([remoteOf(second)]);
    for (const dataplane of [a.dataplane, restarted]) {
      await dataplane.ensureNetwork(first.network);
      await dataplane.ensureEndpoint(first.network, first.endpoint);
      const change = await dataplane.setForwarding(first.network.id, forwarding);
      expect(change).toEqual({ added: 0, removed: 0, left: 0 });
    }
    await pinging.stop();
    expect(pinging.output()).toMatch(/ 0% packet loss/);
    expect(await dump(first.network)).toEqual(before);
  });

  test('attaches an endpoint once, even when asked twice at the same time', async () => {
    await using underlay = await TestUnderlay.create(1);
    const host = underlay.hosts[0]!;
    const network = underlay.network(host, 'shop');
    const endpoint = { id: 'a'.repeat(64), mac: '02:00:00:00:00:02' };
    const names = await Promise.all([1, 2].map(() => host.dataplane.ensureEndpoint(network, endpoint)));
    expect(names).toEqual([{ interfaceName: 'xcaaaaaaaaaaaa' }, { interfaceName: 'xcaaaaaaaaaaaa' }]);
    expect(await namesIn(host.netns)).toEqual(['lo', 'eth0', 'xcaaaaaaaaaaaa']);
  });
});

describe('repair', () => {
  test.each(['vxlan0', 'br0'])('of %s, deleted by others, brings the network back', async (device) => {
    await using underlay = await TestUnderlay.create(2);
    const { a, first, second } = await twoHosts(underlay);
    await Netns.of(`xnet-${first.network.id}`).ip(`link del ${device}`);
    await a.dataplane.ensureNetwork(first.network);
    await a.dataplane.ensureEndpoint(first.network, first.endpoint);
    await a.dataplane.setForwarding(first.network.id, remotesOf([remoteOf(second)]));
    expect(await first.netns.reaches(second.addresses[0]!)).toBe(true);
  });

  test('of a namespace deleted by others is done by the next endpoint', async () => {
    await using underlay = await TestUnderlay.create(2);
    const { a, first, second } = await twoHosts(underlay);
    await run(['ip', 'netns', 'del', `xnet-${first.network.id}`]);
    const next = await underlay.container(a, first.network, ['10.1.0.4/24']);
    await underlay.connect([next, second]);
    expect(await next.netns.reaches(second.addresses[0]!)).toBe(true);
  });

  test('of MTU and multicast is done when the wish changes, without a new device', async () => {
    await using underlay = await TestUnderlay.create(2);
    const { a, first, second } = await twoHosts(underlay);
    const netns = Netns.of(`xnet-${first.network.id}`);
    const indexes = async () => (await netns.ip('-o link')).match(/^\d+: (br0|vxlan0)/gm);
    const before = await indexes();
    await a.dataplane.ensureNetwork({ ...first.network, mtu: 1300, multicast: false });
    await a.dataplane.setForwarding(first.network.id, remotesOf([remoteOf(second)]));
    expect(await indexes()).toEqual(before);
    expect(await netns.ip('-d link show vxlan0')).toMatch(/mtu 1300.* mcast_flood off/s);
    expect(await first.netns.reaches(second.addresses[0]!)).toBe(true);
  });

  test('of a larger MTU is done for the ports, too, so that no repair finds them altered', async () => {
    await using underlay = await TestUnderlay.create(1);
    const [host] = underlay.hosts as [TestHost];
    for (const mode of [undefined, { kind: 'routed' as const }]) {
      const network = { ...underlay.network(host, mode ? 'yard' : 'shop', mode && { mode }), mtu: 1300 };
      const { endpoint } = await underlay.container(host, network, ['10.1.0.2/24']);
      await host.dataplane.ensureNetwork({ ...network, mtu: 1400 });
      await host.dataplane.setForwarding(network.id, remotesOf([]));
      const { repairs } = await host.dataplane.repairNetwork(network.id, () => [
        { ...endpoint, interfaceAddresses: [] },
      ]);
      expect([mode, repairs]).toEqual([mode, []]);
      const mtus = await host.dataplane.reading.listMtus(mode ? undefined : network.id);
      const port = mode ? `xr${endpoint.id.slice(0, 12)}` : endpoint.id.slice(0, 12);
      expect([mode, mtus.get(port)]).toEqual([mode, 1400]);
    }
  });
});

describe('removal', () => {
  test('of an endpoint is complete wherever its interface is, and may be repeated', async () => {
    await using underlay = await TestUnderlay.create(1);
    const host = underlay.hosts[0]!;
    const network = underlay.network(host, 'shop');
    const inContainer = await underlay.container(host, network, ['10.1.0.2/24']);
    const onHost = { id: 'b'.repeat(64), mac: '02:00:00:00:00:03' };
    await host.dataplane.ensureEndpoint(network, onHost);
    for (const id of [inContainer.endpoint.id, onHost.id, onHost.id, 'never']) {
      await host.dataplane.removeEndpoint(network.id, id);
    }
    await host.dataplane.removeEndpoint('ffffffffffff', 'never');
    expect(await namesIn(host.netns)).toEqual(['lo', 'eth0']);
    expect(await namesIn(inContainer.netns)).toEqual(['lo']);
    expect(await namesIn(Netns.of(`xnet-${network.id}`))).toEqual(['lo', 'vxlan0', 'br0']);
  });

  test('of an endpoint whose container vanished with its interface succeeds', async () => {
    await using underlay = await TestUnderlay.create(1);
    const host = underlay.hosts[0]!;
    const network = underlay.network(host, 'shop');
    const gone = await Netns.create('gone');
    const endpoint = { id: 'c'.repeat(64), mac: '02:00:00:00:00:03' };
    const { interfaceName } = await host.dataplane.ensureEndpoint(network, endpoint);
    await host.netns.ip(`link set ${interfaceName} netns ${gone.name}`);
    await gone[Symbol.asyncDispose]();
    await host.dataplane.removeEndpoint(network.id, endpoint.id);
    expect(await namesIn(Netns.of(`xnet-${network.id}`))).toEqual(['lo', 'vxlan0', 'br0']);
  });

  test('not waited for is in order with what is asked next of the same endpoint and network', async () => {
    await using underlay = await TestUnderlay.create(1);
    const host = underlay.hosts[0]!;
    const network = underlay.network(host, 'shop');
    const endpoint = { id: 'd'.repeat(64), mac: '02:00:00:00:00:04' };
    await host.dataplane.ensureEndpoint(network, endpoint);
    const removals = [host.dataplane.removeEndpoint(network.id, endpoint.id)];
    const { interfaceName } = await host.dataplane.ensureEndpoint(network, endpoint);
    expect(await namesIn(host.netns)).toContain(interfaceName);
    removals.push(host.dataplane.removeEndpoint(network.id, endpoint.id));
    await host.dataplane.removeNetwork(network.id);
    await Promise.all(removals);
    expect(await namesIn(host.netns)).toEqual(['lo', 'eth0']);
  });

  test('of a network right after an endpoint leaves no program in its namespace', async () => {
    await using underlay = await TestUnderlay.create(1);
    const host = underlay.hosts[0]!;
    const network = underlay.network(host, 'shop');
    for (let round = 0; round < 30; round++) {
      const endpoint = { id: 'e'.repeat(64), mac: '02:00:00:00:00:05' };
      await host.dataplane.ensureEndpoint(network, endpoint);
      const removal = host.dataplane.removeEndpoint(network.id, endpoint.id);
      await Promise.all([removal, host.dataplane.removeNetwork(network.id)]);
      // Of this process: tests beside this one list the networks of the machine, with a program in each.
      expect(await run(['ps', '-o', 'args', '--ppid', `${process.pid}`])).not.toContain(
        `-n xnet-${network.id}`,
      );
    }
  });

  test('of a network frees its VNI at once, takes its endpoints along, and may be repeated', async () => {
    await using underlay = await TestUnderlay.create(1);
    const host = underlay.hosts[0]!;
    const network = underlay.network(host, 'shop');
    const container = await underlay.container(host, network, ['10.1.0.2/24']);
    await host.dataplane.removeNetwork(network.id);
    await host.netns.ip(`link add other type vxlan id ${network.vni} local ${host.vtep} dstport 4789`);
    expect(await namesIn(container.netns)).toEqual(['lo']);
    await host.dataplane.removeNetwork(network.id);
    expect((await run(['ip', 'netns', 'list'])).includes(network.id)).toBe(false);
  });
});

test('networks and endpoints in the kernel are listed by what their names tell', async () => {
  await using underlay = await TestUnderlay.create(1);
  const host = underlay.hosts[0]!;
  const [shop, bank] = [underlay.network(host, 'shop'), underlay.network(host, 'bank')];
  const id = `0123456789ab${'0'.repeat(52)}`;
  await host.dataplane.ensureEndpoint(shop, { id, mac: '02:00:00:00:00:02' });
  await host.dataplane.ensureNetwork(bank);
  const ours = (await host.dataplane.listNetworks()).filter(({ id }) => [shop.id, bank.id].includes(id));
  expect(new Map(ours.map(({ id, endpointNames }) => [id, endpointNames]))).toEqual(
    new Map([
      [shop.id, ['0123456789ab']],
      [bank.id, []],
    ]),
  );
  await host.dataplane.removeEndpoint(shop.id, '0123456789ab');
  expect(await namesIn(host.netns)).toEqual(['lo', 'eth0']);
});

describe('many at once', () => {
  test('60 endpoints asked for 10 at a time are all attached, and all go', async () => {
    await using underlay = await TestUnderlay.create(1);
    const host = underlay.hosts[0]!;
    const network = underlay.network(host, 'shop');
    const endpoints = Array.from({ length: 60 }, (_, i) => ({
      id: i.toString(16).padStart(12, '0'),
      mac: `02:00:00:00:00:${i.toString(16).padStart(2, '0')}`,
    }));
    await tenAtATime(endpoints, (endpoint) => host.dataplane.ensureEndpoint(network, endpoint));
    const [listed] = (await host.dataplane.listNetworks()).filter(({ id }) => id === network.id);
    expect(listed?.endpointNames.toSorted()).toEqual(endpoints.map(({ id }) => id).toSorted());
    expect((await namesIn(host.netns)).length).toBe(62);
    await Promise.all(endpoints.map(({ id }) => host.dataplane.removeEndpoint(network.id, id)));
    expect(await namesIn(host.netns)).toEqual(['lo', 'eth0']);
  });

  test('3,000 remote endpoints are set, and all but one taken back', async () => {
    await using underlay = await TestUnderlay.create(1);
    const host = underlay.hosts[0]!;
    const network = underlay.network(host, 'shop');
    await host.dataplane.ensureNetwork(network);
    const remotes = Array.from({ length: 3_000 }, (_, i) => remote(i));
    /** In as many calls as it takes. */
    const set = async (all: readonly Remote[]) => {
      const changes = [await host.dataplane.setForwarding(network.id, remotesOf(all))];
      while (changes.at(-1)?.left !== 0)
        changes.push(await host.dataplane.setForwarding(network.id, remotesOf(all), new Set()));
      return changes;
    };
    const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
    expect(sum((await set(remotes)).map(({ added }) => added))).toBe(3_000 + 3_000 + 20);
    await expectEntries(network, 3_000, 20);
    expect(sum((await set(remotes.slice(0, 1))).map(({ removed }) => removed))).toBe(2_999 + 2_999 + 19);
    await expectEntries(network, 1, 1);
  });
});

function remote(i: number): Remote {
  const [high, low] = [Math.trunc(i / 250), (i % 250) + 1];
  const mac = [2, 0, 10, 1, high, low].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  return { mac, addresses: [`10.1.${high}.${low}`], vtep: `10.99.1.${(i % 20) + 1}` };
}

async function expectEntries(network: NetworkSpec, endpoints: number, vteps: number): Promise<void> {
  const netns = Netns.of(`xnet-${network.id}`);
  const fdb: { mac: string; dst?: string; state?: string; master?: string }[] = JSON.parse(
    await netns.bridge('-j fdb show dev vxlan0'),
  );
  expect(fdb.filter(({ dst, mac }) => dst && mac !== '00:00:00:00:00:00')).toHaveLength(endpoints);
  expect(fdb.filter(({ dst, mac }) => dst && mac === '00:00:00:00:00:00')).toHaveLength(vteps);
  expect(fdb.filter(({ state, master }) => master && state === 'static')).toHaveLength(endpoints);
  expect(JSON.parse(await netns.ip('-j neigh show dev br0'))).toHaveLength(endpoints);
}

async function tenAtATime<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: 10 }, worker));
}
