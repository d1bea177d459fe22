/** What others alter by hand in a routed network's kernel objects is found and put right; a change of the way loses nothing. */
import { expect, test } from '@jest/globals';
import type { KernelHint, Repair } from '../../../src/dataplane/dataplane.js';
import { LinuxDataplane } from '../../../src/dataplane/linux-dataplane.js';
import { judgeLeftovers } from '../../../src/doctor/leftover-checks.js';
import { type TestHost, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { localOf, ROUTED, RoutedPair, remotesBy } from '../../support/kernel/routed-pair.js';
import { eventually } from '../../support/time/eventually.js';

type Alteration = readonly [
  what: string,
  alter: (pair: RoutedPair) => Promise<unknown>,
  expected: (pair: RoutedPair) => Repair[],
];

const tableOf = ({ first }: RoutedPair) => `xnet-${first.network.id}`;
const endOf = ({ first }: RoutedPair) => `xr${first.endpoint.id.slice(0, 12)}`;
const tunnelOf = ({ first }: RoutedPair) => `xv${first.network.id}`;
const nft = (pair: RoutedPair, words: string) => pair.a.netns.exec('nft', words);

const routes = (was: Repair['was']) => (pair: RoutedPair) => [
  { kind: 'routes' as const, object: `netdev ${tableOf(pair)}`, was },
];
const route = (object: string, was: Repair['was']) => () => [{ kind: 'route' as const, object, was }];
const end = (kind: 'port' | 'veth', was: Repair['was']) => (pair: RoutedPair) => [
  { kind, object: endOf(pair), was },
];
const tunnel = (was: Repair['was']) => (pair: RoutedPair) => [
  { kind: 'vxlan' as const, object: tunnelOf(pair), was },
];

const ALTERATIONS: readonly Alteration[] = [
  ['the firewall is flushed', (pair) => nft(pair, 'flush ruleset'), routes('missing')],
  ['the table is deleted', (pair) => nft(pair, `delete table netdev ${tableOf(pair)}`), routes('missing')],
  ['a chain is empty', (pair) => nft(pair, `flush chain netdev ${tableOf(pair)} out4`), routes('altered')],
  [
    'the chain of a container lets all pass',
    (pair) => nft(pair, `insert rule netdev ${tableOf(pair)} ${endOf(pair)} goto out4`),
    routes('altered'),
  ],
  [
    'an element is deleted',
    (pair) => nft(pair, `delete element netdev ${tableOf(pair)} tunnel4 { 10.1.0.3 }`),
    route('tunnel4 10.1.0.3', 'missing'),
  ],
  [
    'an element is added',
    (pair) => nft(pair, `add element netdev ${tableOf(pair)} from4 { 10.1.0.9 . 02:00:00:00:00:99 }`),
    route('from4 10.1.0.9 . 02:00:00:00:00:99', 'extra'),
  ],
  [
    'an element of a container is altered',
    (pair) =>
      nft(
        pair,
        `delete element netdev ${tableOf(pair)} mac4 { 10.1.0.2 }; add element netdev ${tableOf(pair)} mac4 { 10.1.0.2 : 02:00:00:00:00:99 }`,
      ),
    route('mac4 10.1.0.2', 'altered'),
  ],
  ['an end answers ARP', (pair) => pair.a.netns.ip(`link set ${endOf(pair)} arp on`), end('port', 'altered')],
  ['an end is down', (pair) => pair.a.netns.ip(`link set ${endOf(pair)} down`), end('port', 'altered')],
  [
    'an end has a smaller MTU',
    (pair) => pair.a.netns.ip(`link set ${endOf(pair)} mtu 1300`),
    end('port', 'altered'),
  ],
  ['an end is deleted', (pair) => pair.a.netns.ip(`link del ${endOf(pair)}`), end('veth', 'missing')],
  [
    'the interface is deleted in the container',
    ({ first }) => first.netns.ip('link del eth0'),
    end('veth', 'missing'),
  ],
  ['the tunnel is deleted', (pair) => pair.a.netns.ip(`link del ${tunnelOf(pair)}`), tunnel('missing')],
  ['the tunnel is down', (pair) => pair.a.netns.ip(`link set ${tunnelOf(pair)} down`), tunnel('altered')],
  [
    'the tunnel leads elsewhere',
    (pair) =>
      pair.a.netns.bridge(
        `fdb replace 0e:00:0a:63:00:02 dev ${tunnelOf(pair)} dst 10.99.0.77 self permanent`,
      ),
    () => [{ kind: 'fdb-entry', object: 'fdb 0e:00:0a:63:00:02', was: 'altered' }],
  ],
];

test('each alteration in turn is reported by the kernel, repaired, and named once', async () => {
  await using pair = await RoutedPair.create('tunnel');
  const { a, first, second } = pair;
  const repair = async () => {
    const check = await a.dataplane.repairNetwork(first.network.id, () => [localOf(first)]);
    if (check.failure) throw check.failure;
    return check.repairs;
  };
  const hints: KernelHint[] = [];
  await using watch = a.dataplane.watchKernel((hint) => {
    if (typeof hint === 'object' && 'networkId' in hint && !hint.isOwn) hints.push(hint);
  });
  expect(watch.isReported(first.network.id)).toBe(true);
  expect(await repair()).toEqual([]);
  const reported: string[] = [];
  for (const [what, alter, expected] of ALTERATIONS) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    hints.length = 0;
    await alter(pair);
    await eventually(`a hint, when ${what}`, () => hints.length > 0, 2_000).then(
      () => reported.push(what),
      () => {},
    );
    expect([what, await repair()]).toEqual([what, expected(pair)]);
    for (const address of second.addresses)
      expect([what, await first.netns.reaches(address)]).toEqual([what, true]);
    expect([what, await repair()]).toEqual([what, []]);
  }
  expect(reported).toEqual(ALTERATIONS.map(([what]) => what));
}, 120_000);

test('without its table not even a container that asks by ARP gets into the host', async () => {
  await using pair = await RoutedPair.create('direct');
  const { a, first } = pair;
  await a.netns.exec('sysctl', '-w', 'net.ipv4.ip_forward=1');
  await first.netns.ip('link set eth0 arp on');
  await first.netns.ip(`route add ${a.vtep}/32 dev eth0`);
  await nft(pair, 'flush ruleset');
  expect(await first.netns.reaches(a.vtep, 1)).toBe(false);
  expect(await first.netns.ip('neigh show')).not.toContain('lladdr');
});

test('without its table nothing passes, in either direction', async () => {
  await using pair = await RoutedPair.create('direct');
  const { a, first, second } = pair;
  await a.netns.exec('sysctl', '-w', 'net.ipv4.ip_forward=1');
  await nft(pair, 'flush ruleset');
  expect(await first.netns.reaches('10.1.0.3', 1)).toBe(false);
  // What the host forwards by itself has come from its own stack: none.
  expect(await a.netns.exec('cat', '/proc/net/snmp')).toMatch(/Ip: 1 64 \d+ 0 0 0 /);
  expect(await second.netns.reaches('10.1.0.2', 1)).toBe(false);
});

test('a container starts after a flush, also while the interface of another one is gone', async () => {
  await using pair = await RoutedPair.create('direct');
  const { a, first } = pair;
  const add = (digit: string, host: number) =>
    a.dataplane.ensureEndpoint(first.network, {
      ...{ id: digit.repeat(64), mac: `02:00:00:00:00:0${digit}`, addresses: [`10.1.0.${host}`] },
    });
  await add('8', 8);
  await a.netns.ip('link del xr888888888888');
  await nft(pair, 'flush ruleset');
  await add('9', 9);
  expect(await first.netns.reaches('10.1.0.3')).toBe(true);
});

test('the way to a host changes from direct to the tunnel and back while packets pass, and none is lost', async () => {
  await using pair = await RoutedPair.create('direct');
  const { a, b, first, second } = pair;
  const ping = first.netns.start('ping', '-n', '-i', '0.005', '10.1.0.3');
  const to = { a: [second], b: [first] };
  for (const way of ['tunnel', 'direct', 'tunnel', 'direct'] as const) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    // One side after the other, with a while in between.
    await a.dataplane.setForwarding(first.network.id, await remotesBy(way, to.a), new Set(['endpoint 0']));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await b.dataplane.setForwarding(second.network.id, await remotesBy(way, to.b), new Set(['endpoint 0']));
  }
  await ping.stop();
  expect(ping.output()).toMatch(/ 0% packet loss/);
});

test('another process takes over what is there, and packets pass all the time', async () => {
  await using pair = await RoutedPair.create('direct');
  const { a, first, second } = pair;
  const ping = first.netns.start('ping', '-n', '-i', '0.005', '10.1.0.3');
  await new Promise((resolve) => setTimeout(resolve, 300));
  await using next = new LinuxDataplane({ hostNamespace: a.netns.name });
  const endpointNames = [first.endpoint.id.slice(0, 12)];
  const observed = { id: first.network.id, endpointNames, mode: { kind: 'routed' } };
  expect(await next.listNetworks()).toContainEqual(observed);
  await next.ensureNetwork(first.network);
  expect(await next.setForwarding(first.network.id, await remotesBy('direct', [second]))).toMatchObject({
    added: 0,
    removed: 0,
  });
  const check = await next.repairNetwork(first.network.id, () => [localOf(first)]);
  expect(check).toEqual({ repairs: [], strangers: [], size: 1, isLearning: undefined });
  await ping.stop();
  expect(ping.output()).toMatch(/ 0% packet loss/);
  // An endpoint of which nobody knows any more.
  expect(await next.repairNetwork(first.network.id, () => [])).toMatchObject({ repairs: [], strangers: [] });
  await next.removeEndpoint(first.network.id, first.endpoint.id);
  expect(await first.netns.reaches('10.1.0.3', 1)).toBe(false);
});

test('what the doctor prints removes all of a network that this host does not have', async () => {
  await using underlay = await TestUnderlay.create(1);
  const [host] = underlay.hosts as [TestHost];
  const network = underlay.network(host, 'shop', ROUTED);
  await underlay.container(host, network, ['10.1.0.2/24']);
  const observed = (await host.dataplane.listNetworks()).filter(({ id }) => id === network.id);
  const [leftover] = judgeLeftovers(observed);
  await host.netns.exec('sh', '-c', leftover?.remedy ?? 'false');
  expect(await host.dataplane.listNetworks()).not.toContainEqual(expect.objectContaining({ id: network.id }));
  expect(await host.netns.exec('nft', 'list', 'tables')).not.toContain(network.id);
  expect(await host.netns.ip('-br link')).not.toMatch(/\bx[vr]/);
});

test('a process that did not make it removes all of a network', async () => {
  await using underlay = await TestUnderlay.create(1);
  const [host] = underlay.hosts as [TestHost];
  const network = underlay.network(host, 'shop', ROUTED);
  await underlay.container(host, network, ['10.1.0.2/24']);
  await using other = new LinuxDataplane({ hostNamespace: host.netns.name });
  await other.removeNetwork(network.id, network.mode);
  expect(await other.listNetworks()).not.toContainEqual(expect.objectContaining({ id: network.id }));
  expect(await host.netns.exec('nft', 'list', 'tables')).not.toContain(network.id);
  expect(await host.netns.ip('-br link show type vxlan')).toBe('');
});

test('endpoints that come and go during looks are never taken for altered', async () => {
  await using pair = await RoutedPair.create('direct');
  const { a, first, second } = pair;
  const known = new Map([[first.endpoint.id, localOf(first)]]);
  const until = Date.now() + 6_000;
  let looks = 0;
  const isOver = () => Date.now() >= until && looks > 5;
  const churn = async (digit: string) => {
    for (let round = 0; !isOver(); round++) {
      const addresses = [`10.1.${digit}.${round % 200}`];
      const endpoint = { id: digit.repeat(64), mac: `02:00:00:00:0${digit}:0${round % 4}`, addresses };
      await a.dataplane.ensureEndpoint(first.network, endpoint);
      known.set(endpoint.id, { ...endpoint, interfaceAddresses: [] });
      known.delete(endpoint.id);
      await a.dataplane.removeEndpoint(first.network.id, endpoint.id);
    }
  };
  const found: Repair[] = [];
  const look = async () => {
    while (!isOver()) {
      const check = await a.dataplane.repairNetwork(first.network.id, () => [...known.values()]);
      found.push(...check.repairs);
      if (check.failure) throw check.failure;
      looks++;
    }
  };
  await Promise.all([churn('4'), churn('5'), look()]);
  expect(found).toEqual([]);
  expect(await first.netns.reaches(second.addresses[0]!)).toBe(true);
}, 60_000);

test('ten thousand endpoints on other hosts are set in steps, and one change is one change', async () => {
  await using underlay = await TestUnderlay.create(1);
  const [host] = underlay.hosts as [TestHost];
  const network = underlay.network(host, 'shop', ROUTED);
  await host.dataplane.ensureNetwork(network);
  const address = (i: number) => `10.1.${Math.floor(i / 250)}.${(i % 250) + 1}`;
  const remotes = new Map(
    Array.from({ length: 10_000 }, (_, i) => [
      `endpoint ${i}`,
      {
        ...{ mac: '02:00:00:00:00:01', addresses: [address(i)], since: i },
        ...{ vtep: `10.99.1.${(i % 30) + 1}`, direct: { mac: `02:00:00:00:01:${10 + (i % 30)}` } },
      },
    ]),
  );
  let calls = 1;
  let { left } = await host.dataplane.setForwarding(network.id, remotes);
  for (; left > 0; calls++) ({ left } = await host.dataplane.setForwarding(network.id, remotes, new Set()));
  expect(calls).toBe(30);
  remotes.set('endpoint 77', { ...remotes.get('endpoint 77')!, vtep: '10.99.1.2' });
  const began = performance.now();
  const change = await host.dataplane.setForwarding(network.id, remotes, new Set(['endpoint 77']));
  expect(performance.now() - began).toBeLessThan(1_000);
  expect(change).toEqual({ added: 1, removed: 1, left: 0 });
  expect(await host.dataplane.repairNetwork(network.id, () => [])).toMatchObject({
    repairs: [],
    size: 10_000,
  });
}, 60_000);
