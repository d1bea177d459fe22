/** What containers of a routed network on two hosts can and cannot do to each other. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Netns } from '../../support/kernel/netns.js';
import { type Container, type TestHost, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import {
  connectBy,
  forged,
  ROUTED,
  RoutedPair,
  remotesBy,
  underlayMac,
} from '../../support/kernel/routed-pair.js';
import { childrenOf, isAlive } from '../../support/programs/processes.js';

describe.each([
  { way: 'direct', family: 4 },
  { way: 'tunnel', family: 4 },
  { way: 'direct', family: 6 },
  { way: 'tunnel', family: 6 },
] as const)('by $way over an IPv$family underlay', ({ way, family }) => {
  test('containers reach each other from both sides, with whole packets and with fragments', async () => {
    await using pair = await RoutedPair.create(way, { family });
    const { first, second } = pair;
    const { mtu } = first.network;
    for (const address of second.addresses) expect(await first.netns.reaches(address)).toBe(true);
    for (const address of first.addresses) expect(await second.netns.reaches(address)).toBe(true);
    expect(await first.netns.reaches('10.1.0.3', 5, ['-M', 'do', '-s', `${mtu - 28}`])).toBe(true);
    expect(await first.netns.reaches('fd01::3', 5, ['-M', 'do', '-s', `${mtu - 48}`])).toBe(true);
    expect(await second.netns.reaches('10.1.0.2', 5, ['-s', '9000'])).toBe(true);
    expect(await second.netns.reaches('fd01::2', 5, ['-s', '9000'])).toBe(true);
    expect(await forged(first)).toBe(0);
  });
});

test('the removal of an endpoint of no known network leaves no program', async () => {
  await using underlay = await TestUnderlay.create(1);
  const [host] = underlay.hosts as [TestHost];
  const before = childrenOf(process.pid);
  await host.dataplane.removeEndpoint('0123456789ab', 'e'.repeat(64));
  const started = childrenOf(process.pid).filter((pid) => !before.includes(pid) && isAlive(pid));
  expect(started.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))).toEqual([]);
});

test('containers of one host reach each other, without any other host', async () => {
  await using underlay = await TestUnderlay.create(1);
  const [host] = underlay.hosts;
  const network = underlay.network(host!, 'shop', ROUTED);
  const first = await underlay.container(host!, network, ['10.1.0.2/24', 'fd01::2/64']);
  const second = await underlay.container(host!, network, ['10.1.0.3/24', 'fd01::3/64']);
  for (const address of second.addresses) expect(await first.netns.reaches(address)).toBe(true);
});

test('a container in two routed networks reaches those of both, and these do not reach each other', async () => {
  await using underlay = await TestUnderlay.create(2);
  const [a, b] = underlay.hosts as [TestHost, TestHost];
  const both = await underlay.container(a, underlay.network(a, 'shop', ROUTED), ['10.1.0.2/24']);
  const more = underlay.network(a, 'more', ROUTED);
  const endpoint = { id: '7'.repeat(64), mac: '02:00:00:00:00:77', addresses: ['10.2.0.2'] };
  const { interfaceName } = await a.dataplane.ensureEndpoint(more, endpoint);
  await a.netns.ip(`link set ${interfaceName} netns ${both.netns.name} name eth1`);
  await both.netns.ip('addr add 10.2.0.2/24 dev eth1');
  await both.netns.ip('link set eth1 up');
  const shop = await underlay.container(b, underlay.network(b, 'shop', ROUTED), ['10.1.0.3/24']);
  const other = await underlay.container(b, underlay.network(b, 'more', ROUTED), ['10.2.0.3/24']);
  await connectBy('direct', [both, shop, other]);
  await a.dataplane.setForwarding(more.id, await remotesBy('direct', [other]));
  const there: Container = { ...both, network: more, endpoint, addresses: ['10.2.0.2'] };
  await b.dataplane.setForwarding(other.network.id, await remotesBy('direct', [there]));

  expect(await both.netns.reaches('10.1.0.3')).toBe(true);
  expect(await both.netns.reaches('10.2.0.3')).toBe(true);
  await shop.netns.ip('route add 10.2.0.0/24 dev eth0');
  await other.netns.ip('route add 10.1.0.0/24 dev eth0');
  expect(await shop.netns.reaches('10.2.0.3', 1)).toBe(false);
  expect(await shop.netns.reaches('10.2.0.2', 1)).toBe(false);
  // Nor in the name of one of the other network.
  await shop.netns.ip('addr add 10.2.0.9/32 dev lo');
  const before = await forged(shop);
  expect(await shop.netns.reaches('10.2.0.3', 1, ['-I', '10.2.0.9'])).toBe(false);
  expect(await forged(shop)).toBeGreaterThan(before);
});

describe.each(['direct', 'tunnel'] as const)('a packet with a forged source (%s)', (way) => {
  test.each([
    ['small', '56'],
    ['in fragments', '4000'],
  ])('of a container is dropped and counted: %s', async (_, bytes) => {
    await using pair = await RoutedPair.create(way);
    const { first, second } = pair;
    await first.netns.ip('addr add 10.1.0.9/24 dev eth0');
    await first.netns.ip('addr add fd01::9/64 dev eth0 nodad');
    await first.netns.reaches('10.1.0.3', 1, ['-I', '10.1.0.9', '-s', bytes]);
    const sent = await forged(first);
    expect(sent).toBeGreaterThan(0);
    await first.netns.reaches('fd01::3', 1, ['-I', 'fd01::9', '-s', bytes]);
    expect(await forged(first)).toBeGreaterThan(sent);
    const counts = await second.netns.exec('cat', '/proc/net/snmp');
    expect(counts).toMatch(/Icmp: 0 /);
  });
});

test('a host on the segment that is not of the cluster can neither reach containers nor speak for one', async () => {
  await using pair = await RoutedPair.create('direct');
  const { underlay, a, first, second } = pair;
  await using stranger = await Netns.create('stranger');
  await stranger.ip(`link add eth0 type veth peer name stranger netns ${underlay.wire.name}`);
  await underlay.wire.ip('link set stranger master wire up');
  await stranger.ip('link set eth0 up');
  const mac = await underlayMac(a);
  for (const address of ['10.99.0.66/24', '10.1.0.3/24', 'fd01::3/64 nodad'])
    await stranger.ip(
      `addr add ${address.replace(' ', ' dev eth0 ')}${address.includes(' ') ? '' : ' dev eth0'}`,
    );
  await stranger.ip(`neigh replace 10.1.0.2 lladdr ${mac} dev eth0 nud permanent`);
  await stranger.ip(`neigh replace fd01::2 lladdr ${mac} dev eth0 nud permanent`);
  for (const from of ['10.99.0.66', '10.1.0.3']) {
    const before = await forged(first);
    expect(await stranger.reaches('10.1.0.2', 1, ['-I', from])).toBe(false);
    expect(await forged(first)).toBeGreaterThan(before);
  }
  const before = await forged(first);
  expect(await stranger.reaches('fd01::2', 1, ['-I', 'fd01::3'])).toBe(false);
  expect(await forged(first)).toBeGreaterThan(before);
  expect(await first.netns.exec('cat', '/proc/net/snmp')).toMatch(/Icmp: 0 /);
  expect(await first.netns.reaches(second.addresses[0]!)).toBe(true);
});

test('a name that another interface has is an error that names it', async () => {
  await using underlay = await TestUnderlay.create(1);
  const [host] = underlay.hosts as [TestHost];
  const network = underlay.network(host, 'shop', ROUTED);
  await host.netns.ip('link add xc888888888888 type bridge');
  const endpoint = { id: '8'.repeat(64), mac: '02:00:00:00:00:88', addresses: ['10.1.0.8'] };
  await expect(host.dataplane.ensureEndpoint(network, endpoint)).rejects.toMatchObject({
    code: 'IN_USE',
    message: expect.stringContaining('xc888888888888'),
  });
  await host.netns.ip('link del xc888888888888');
  await host.dataplane.ensureEndpoint(network, endpoint);
});
