/** Networks of mode macvlan: packets on a LAN that is there already, the host's reach, repairs, and what is left: nothing. */
import { expect, test } from '@jest/globals';
import type { KernelHint, NetworkCheck, NetworkSpec } from '../../../src/dataplane/dataplane.js';
import type { IpvlanSpec, MacvlanSpec } from '../../../src/dataplane/modes.js';
import { judgeLeftovers } from '../../../src/doctor/leftover-checks.js';
import {
  GATEWAYS,
  type LanContainer,
  LanSegment,
  type LanTestHost,
  OUTSIDE,
  STRANGER_ADDRESSES,
} from '../../support/kernel/lan-segment.js';
import type { Netns } from '../../support/kernel/netns.js';
import { eventually } from '../../support/time/eventually.js';

const OFFICE: MacvlanSpec = { kind: 'macvlan', submode: 'bridge', parent: 'eth1', gateways: GATEWAYS };
const WITH_HOST: MacvlanSpec = { ...OFFICE, host: true };

async function expectReachable(netns: Netns, addresses: readonly string[]): Promise<void> {
  for (const address of addresses)
    expect([address, await netns.reaches(address, 10)]).toEqual([address, true]);
}

async function check(container: LanContainer): Promise<NetworkCheck> {
  const { host, network, endpoint } = container;
  return host.dataplane.repairNetwork(network.id, () => [endpoint]);
}

const RIGHT = { repairs: [], strangers: [], size: 0 };

/** Names of the host's interfaces, without loopback. */
async function interfacesOf({ netns }: LanTestHost): Promise<string[]> {
  const links: { ifname: string }[] = JSON.parse(await netns.ip('-j link'));
  return links.map(({ ifname }) => ifname).filter((name) => name !== 'lo');
}

test('containers of two hosts, a gateway and a stranger reach each other on the LAN, in both families', async () => {
  await using lan = await LanSegment.create(2);
  const [a, b] = lan.hosts as [LanTestHost, LanTestHost];
  const first = await lan.container(a, lan.network(a, 'office', OFFICE), ['10.5.0.50/24', 'fd05::50/64']);
  const second = await lan.container(b, lan.network(b, 'office', OFFICE), ['10.5.0.51/24', 'fd05::51/64']);
  const third = await lan.container(a, first.network, ['10.5.0.52/24', 'fd05::52/64']);
  await expectReachable(first.netns, [...second.addresses, ...third.addresses, ...GATEWAYS, ...OUTSIDE]);
  await expectReachable(first.netns, [...STRANGER_ADDRESSES, ...b.addresses]);
  await expectReachable(second.netns, first.addresses);
  for (const netns of [lan.stranger, lan.gateway, b.netns]) await expectReachable(netns, first.addresses);
  // As the kernel has it with macvlan: not the host itself.
  expect(await first.netns.reaches(a.addresses[0]!, 1)).toBe(false);
  const link = await first.netns.ip('-d link show eth0');
  expect(link).toContain(`link/ether ${first.endpoint.mac}`);
  expect(link).toContain('mtu 1500');
  expect(link).toContain('macvlan mode bridge');
  expect(await check(first)).toMatchObject({ repairs: [], strangers: [] });
});

test('two networks share a parent, and what is removed leaves nothing, also of an earlier process', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const office = await lan.container(host, lan.network(host, 'office', OFFICE), ['10.5.0.50/24']);
  const lab = await lan.container(host, lan.network(host, 'lab', WITH_HOST), ['10.5.0.60/24']);
  await expectReachable(office.netns, lab.addresses);
  await lan.leave(office);
  await lan.restart(host);
  const ids = async () => (await host.dataplane.listNetworks()).map(({ id }) => id);
  expect(await ids()).toContain(lab.network.id);
  await lan.leave(lab);
  // The mode of an orphan is not known.
  for (const { network } of [office, lab]) await host.dataplane.removeNetwork(network.id);
  expect(await interfacesOf(host)).toEqual(['eth1']);
  expect(await host.netns.ip('route show')).not.toContain('10.5.0.60');
  expect(await host.netns.exec('nft', 'list', 'ruleset')).not.toContain('xnet');
  expect(await ids()).not.toContain(lab.network.id);
});

test('a network whose containers are all gone leaves nothing, wherever their interfaces were left', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const network = lan.network(host, 'office', WITH_HOST);
  const outside = { id: 'f'.repeat(64), mac: '02:00:00:00:00:77', addresses: ['10.5.0.77'] };
  await host.dataplane.ensureEndpoint(network, outside);
  await lan.restart(host);
  await host.dataplane.removeNetwork(network.id);
  expect(await interfacesOf(host)).toEqual(['eth1']);
});

test('an endpoint is found in the host and in its container, and removed wherever it is', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const inside = await lan.container(host, lan.network(host, 'office', OFFICE), ['10.5.0.50/24']);
  const outside = { id: 'f'.repeat(64), mac: '02:00:00:00:00:77', addresses: ['10.5.0.77'] };
  const { interfaceName } = await host.dataplane.ensureEndpoint(inside.network, outside);
  await lan.restart(host);
  const named = [inside.endpoint.id, outside.id].map((id) => id.slice(0, 12)).sort();
  const [network] = (await host.dataplane.listNetworks()).filter(({ id }) => id === inside.network.id);
  expect([...network!.endpointNames].sort()).toEqual(named);
  expect(await host.dataplane.listOuterEnds()).toEqual(['ffffffffffff']);
  // Repeated by Docker after the restart.
  expect(await host.dataplane.ensureEndpoint(inside.network, outside)).toEqual({ interfaceName });
  expect(await check(inside)).toMatchObject({ repairs: [], strangers: [] });
  await host.dataplane.removeEndpoint(inside.network.id, outside.id, OFFICE);
  await host.dataplane.removeEndpoint(inside.network.id, inside.endpoint.id, OFFICE);
  expect(await interfacesOf(host)).toEqual(['eth1']);
  expect(await inside.netns.ip('link')).not.toContain('eth0');
});

test('an interface that was made and not named yet, as when a start is killed, is found on its parent', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const inside = await lan.container(host, lan.network(host, 'office', OFFICE), ['10.5.0.50/24']);
  for (const name of ['xcffffffffffff', 'mine'])
    await host.netns.ip(`link add ${name} link eth1 type macvlan mode bridge`);
  expect(await check(inside)).toMatchObject({ repairs: [], strangers: ['ffffffffffff'] });
  await host.dataplane.removeEndpoint(inside.network.id, 'ffffffffffff', OFFICE);
  expect(await check(inside)).toMatchObject({ repairs: [], strangers: [] });
  expect(await interfacesOf(host)).toEqual(['eth1', 'mine']);
});

test('what the doctor prints removes what is left on the host of a network that it does not have', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const { network, netns } = await lan.container(host, lan.network(host, 'office', WITH_HOST), [
    '10.5.0.50/24',
  ]);
  await netns.ip('link del eth0');
  const observed = async () => (await host.dataplane.listNetworks()).filter(({ id }) => id === network.id);
  const [leftover] = judgeLeftovers(await observed());
  // One of its commands is for the sub-interface of a VLAN.
  await host.netns.exec('sh', '-c', `${leftover?.remedy ?? 'false'}; true`);
  expect(await observed()).toEqual([]);
  expect(await interfacesOf(host)).toEqual(['eth1']);
});

test('with host: the host and its containers reach each other, with strict reverse path filters', async () => {
  await using lan = await LanSegment.create(2);
  const [host, other] = lan.hosts as [LanTestHost, LanTestHost];
  await host.netns.exec('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1');
  const network = lan.network(host, 'office', WITH_HOST);
  const first = await lan.container(host, network, ['10.5.0.50/24', 'fd05::50/64']);
  await expectReachable(first.netns, host.addresses);
  const second = await lan.container(host, network, ['10.5.0.51/24', 'fd05::51/64']);
  for (const { addresses } of [first, second]) await expectReachable(host.netns, addresses);
  expect(await host.netns.ip('route get 10.5.0.50')).toContain(`dev xh${network.id} src 10.5.0.11`);
  // Others have the MAC of the parent for the host, not that of the interface beside it.
  await expectReachable(other.netns, host.addresses);
  const [{ address }]: [{ address: string }] = JSON.parse(await host.netns.ip('-j link show eth1'));
  for (const own of host.addresses) expect(await other.netns.ip(`neigh show ${own}`)).toContain(address);
  // Nor does anything come in by that interface but of its containers.
  const [{ address: beside }]: [{ address: string }] = JSON.parse(
    await host.netns.ip(`-j link show xh${network.id}`),
  );
  for (const own of host.addresses) {
    await other.netns.ip(`neigh replace ${own} lladdr ${beside} dev eth1 nud permanent`);
    expect([own, await other.netns.reaches(own, 1)]).toEqual([own, false]);
  }
  await lan.leave(first);
  expect(await host.netns.ip('route show')).not.toContain('10.5.0.50');
});

test('with host: nobody on the LAN loses the host when that looks for its containers', async () => {
  await using lan = await LanSegment.create(2);
  const [host, other] = lan.hosts as [LanTestHost, LanTestHost];
  const network = lan.network(host, 'office', WITH_HOST);
  await expectReachable(other.netns, host.addresses);
  const first = await lan.container(host, network, ['10.5.0.50/24', 'fd05::50/64']);
  // For so long a neighbour keeps what it has just learned (locktime in arp(7)).
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  await expectReachable(host.netns, first.addresses);
  for (const own of host.addresses) expect([own, await other.netns.reaches(own, 1)]).toEqual([own, true]);
  await expectReachable(first.netns, host.addresses);
  await host.netns.ip(`neigh del 10.5.0.50 dev xh${network.id}`);
  expect((await check(first)).repairs).toEqual([{ kind: 'neighbour', object: '10.5.0.50', was: 'missing' }]);
  await lan.leave(first);
  expect(await host.netns.ip(`neigh show dev xh${network.id} nud permanent`)).toBe('');
});

test('a LAN inside the host needs no parent', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const network = lan.network(host, 'inner', { kind: 'macvlan', submode: 'bridge', gateways: [] });
  const first = await lan.container(host, network, ['10.6.0.2/24', 'fd06::2/64']);
  const second = await lan.container(host, network, ['10.6.0.3/24', 'fd06::3/64']);
  await expectReachable(first.netns, second.addresses);
  expect(
    await host.dataplane.lanParent({ kind: 'macvlan', submode: 'bridge', gateways: [] }),
  ).toBeUndefined();
  const both = () => [first.endpoint, second.endpoint];
  await host.netns.exec('ip', '-n', `xnet-${network.id}`, 'link', 'del', 'lan0');
  const { repairs } = await host.dataplane.repairNetwork(network.id, both);
  expect(repairs).toEqual([{ kind: 'wire', object: 'lan0', was: 'missing' }]);
  await expectReachable(first.netns, second.addresses);
  expect(await host.dataplane.repairNetwork(network.id, both)).toEqual(RIGHT);
});

type Refusal = readonly [
  what: string,
  prepare: (host: LanTestHost) => Promise<unknown>,
  mode: MacvlanSpec,
  words: RegExp,
];

const REFUSALS: readonly Refusal[] = [
  ['missing', async () => {}, { ...OFFICE, parent: 'eth7' }, /NOT_FOUND.* no interface eth7/],
  [
    'down',
    ({ netns }) => netns.ip('link set eth1 down'),
    OFFICE,
    /NOT_FOUND.* eth1 is down.*ip link set eth1 up/,
  ],
  ['loopback', async () => {}, { ...OFFICE, parent: 'lo' }, /UNSUPPORTED.* lo is no Ethernet/],
  [
    'a port of a bridge',
    async ({ netns }) => {
      await netns.ip('link add br7 type bridge');
      await netns.ip('link set eth1 master br7');
    },
    OFFICE,
    /IN_USE.* eth1 is a port of br7.*-o parent=br7/,
  ],
];

test('a parent that cannot be is refused, and nothing is changed', async () => {
  for (const [what, prepare, mode, words] of REFUSALS) {
    await using lan = await LanSegment.create(1);
    const [host] = lan.hosts as [LanTestHost];
    await prepare(host);
    const before = await interfacesOf(host);
    const endpoint = { id: 'e'.repeat(64), mac: '02:00:00:00:00:77', addresses: ['10.5.0.77'] };
    const attached = host.dataplane.ensureEndpoint(lan.network(host, what, mode), endpoint);
    const refused = await attached.then(
      () => 'nothing',
      (error) => `${error.code} ${error.message}`,
    );
    expect([what, refused]).toEqual([what, expect.stringMatching(words)]);
    expect([what, await interfacesOf(host)]).toEqual([what, before]);
  }
}, 60_000);

const IPVLAN: IpvlanSpec = { ...OFFICE, kind: 'ipvlan', submode: 'l2', flag: 'bridge' };

test.each([
  ['802.1q', 'vlan id 7', { ...OFFICE, vlan: 7 }, /no 802.1q \(CONFIG_VLAN_8021Q\); nothing was changed/],
  ['ipvlan', 'ipvlan mode l2', IPVLAN, /no ipvlan \(CONFIG_IPVLAN\); nothing was changed/],
] as const)('a kernel without %s says so, and nothing is changed', async (_, type, mode, words) => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const add = `link add link eth1 name tried type ${type}`;
  const hasIt = await host.netns.succeeds('ip', ...add.split(' '));
  if (hasIt) await host.netns.ip('link del tried');
  const endpoint = { id: 'e'.repeat(64), mac: '02:00:00:00:00:77' };
  const attached = host.dataplane.ensureEndpoint(lan.network(host, 'office', mode), endpoint);
  const message = expect.stringMatching(words);
  if (hasIt) await expect(attached).resolves.toEqual({ interfaceName: 'xceeeeeeeeeeee' });
  else await expect(attached).rejects.toMatchObject({ code: 'UNSUPPORTED', message });
  if (!hasIt) expect(await interfacesOf(host)).toEqual(['eth1']);
});

test('passthru takes a parent alone, and a network beside it is refused by name', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const alone = lan.network(host, 'alone', { ...OFFICE, submode: 'passthru' });
  await lan.container(host, alone, ['10.5.0.50/24']);
  const endpoint = { id: 'e'.repeat(64), mac: '02:00:00:00:00:77' };
  for (const network of [alone, lan.network(host, 'office', OFFICE)])
    await expect(host.dataplane.ensureEndpoint(network, endpoint)).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringContaining(`network ${alone.id} (macvlan passthru) is on it`),
    });
});

type Alteration = readonly [
  what: string,
  alter: (container: LanContainer, lan: LanSegment) => Promise<unknown>,
  expected: (container: LanContainer) => unknown[],
];

const child = ({ endpoint }: LanContainer) => ({
  kind: 'macvlan',
  object: `xc${endpoint.id.slice(0, 12)}`,
  was: 'missing',
});
const reach = ({ network }: LanContainer, was: string) => ({
  kind: 'host-interface',
  object: `xh${network.id}`,
  was,
});

const ALTERATIONS: readonly Alteration[] = [
  [
    'the interface is deleted in the container',
    ({ netns }) => netns.ip('link del eth0'),
    (each) => [child(each)],
  ],
  [
    'the parent is deleted and made again',
    async ({ host }, lan) => {
      await host.netns.ip('link del eth1');
      await lan.plug(host.netns, 11);
    },
    (each) => [reach(each, 'missing'), child(each)],
  ],
  [
    'the interface of the host is deleted',
    ({ host, network }) => host.netns.ip(`link del xh${network.id}`),
    (each) => [reach(each, 'missing')],
  ],
  [
    'the interface of the host is down',
    ({ host, network }) => host.netns.ip(`link set xh${network.id} down`),
    (each) => [reach(each, 'altered')],
  ],
  [
    'the rules of the firewall are flushed',
    ({ host }) => host.netns.exec('nft', 'flush', 'ruleset'),
    () => [{ kind: 'host-interface', object: 'inet xnet-lan', was: 'missing' }],
  ],
  [
    'a route of the host is deleted',
    ({ host }) => host.netns.ip('route del 10.5.0.50/32'),
    () => [{ kind: 'host-route', object: '10.5.0.50', was: 'missing' }],
  ],
];

test('each alteration in turn is reported by the kernel, repaired, and noted once', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const container = await lan.container(host, lan.network(host, 'office', WITH_HOST), [
    '10.5.0.50/24',
    'fd05::50/64',
  ]);
  const hints: KernelHint[] = [];
  await using _ = host.dataplane.watchKernel((hint) => {
    if (typeof hint === 'object' && 'networkId' in hint && !hint.isOwn) hints.push(hint);
  });
  expect(await check(container)).toEqual(RIGHT);
  const reported: string[] = [];
  for (const [what, alter, expected] of ALTERATIONS) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    hints.length = 0;
    await alter(container, lan);
    await eventually(`a hint, when ${what}`, () => hints.length > 0, 2_000).then(
      () => reported.push(what),
      () => {},
    );
    const { repairs, failure } = await check(container);
    expect([what, failure, repairs]).toEqual([what, undefined, expected(container)]);
    await expectReachable(container.netns, [...host.addresses, ...STRANGER_ADDRESSES, ...OUTSIDE]);
    await expectReachable(host.netns, container.addresses);
    expect([what, await check(container)]).toEqual([what, RIGHT]);
  }
  expect(reported).toEqual(ALTERATIONS.map(([what]) => what));
}, 120_000);

test('a container that takes no interface keeps none from the others', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const network = lan.network(host, 'office', WITH_HOST);
  const first = await lan.container(host, network, ['10.5.0.50/24']);
  const second = await lan.container(host, network, ['10.5.0.51/24']);
  // Whoever may set up the network in a container can do so.
  await first.netns.ip('link set eth0 alias mine');
  await second.netns.ip('link del eth0');
  await host.netns.ip('route del 10.5.0.51/32');
  const both = () => [first.endpoint, second.endpoint];
  const { repairs, failure } = await host.dataplane.repairNetwork(network.id, both);
  expect(repairs).toEqual([child(second), { kind: 'host-route', object: '10.5.0.51', was: 'missing' }]);
  expect(failure).toMatchObject({ code: 'KERNEL' });
  await expectReachable(second.netns, STRANGER_ADDRESSES.slice(0, 1));
  await expectReachable(host.netns, [...first.addresses, ...second.addresses]);
  expect((await first.netns.ip('link')).match(/@if/g)).toHaveLength(1);
  // What a daemon has begun that was killed is not in the way, either.
  await first.netns.ip('link del eth0');
  await host.netns.ip(`link add half link eth1 netns ${first.netns.name} type macvlan mode bridge`);
  const { endpoint } = first;
  await first.netns.ip(`link set half address ${endpoint.mac} name eth0`);
  await first.netns.ip(`link set eth0 alias xnet-unfinished:${network.id}:${endpoint.id.slice(0, 12)} up`);
  expect((await host.dataplane.repairNetwork(network.id, both)).repairs).toEqual([child(first)]);
  await expectReachable(first.netns, STRANGER_ADDRESSES.slice(0, 1));
  expect((await first.netns.ip('link')).match(/@if/g)).toHaveLength(1);
});

test('a route of the host that is deleted comes back, and one to nobody goes', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const container = await lan.container(host, lan.network(host, 'office', WITH_HOST), ['10.5.0.50/24']);
  await host.netns.ip('route del 10.5.0.50/32');
  await host.netns.ip(`route add 10.5.0.99/32 dev xh${container.network.id}`);
  expect((await check(container)).repairs).toEqual([
    { kind: 'host-route', object: '10.5.0.50', was: 'missing' },
    { kind: 'host-route', object: '10.5.0.99', was: 'extra' },
  ]);
  await expectReachable(host.netns, container.addresses);
});

test("the host's interface filters ARP again after somebody has changed that", async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const container = await lan.container(host, lan.network(host, 'office', WITH_HOST), ['10.5.0.50/24']);
  const setting = `net.ipv4.conf.xh${container.network.id}.arp_filter`;
  expect(await host.netns.exec('sysctl', '-n', setting)).toMatch(/^1/);
  await host.netns.exec('sysctl', '-qw', `${setting}=0`);
  expect((await check(container)).repairs).toEqual([reach(container, 'altered')]);
  expect(await host.netns.exec('sysctl', '-n', setting)).toMatch(/^1/);
  expect(await check(container)).toEqual(RIGHT);
});

test('the host reaches a container that has the address of one that is just being removed', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const network = lan.network(host, 'office', WITH_HOST);
  await host.dataplane.ensureNetwork(network);
  const of = (digit: string, address: string) => ({
    ...{ id: digit.repeat(64), mac: `02:00:00:00:00:7${digit}` },
    addresses: [address],
  });
  const [former, other, next] = [of('d', '10.5.0.77'), of('e', '10.5.0.76'), of('f', '10.5.0.77')];
  for (const endpoint of [former, other]) await host.dataplane.ensureEndpoint(network, endpoint);
  // The second removal waits for the first, and is overtaken.
  const removals = [other, former].map(({ id }) => host.dataplane.removeEndpoint(network.id, id));
  await host.dataplane.ensureEndpoint(network, next);
  await Promise.all(removals);
  expect(await host.netns.ip('route show')).toContain('10.5.0.77');
});

test('a network whose parent is gone leaves nothing, and another keeps the rules for its interface', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const networks = ['office', 'lab'].map((label) => lan.network(host, label, WITH_HOST));
  for (const network of networks) await host.dataplane.ensureNetwork(network);
  const [office, lab] = networks as [NetworkSpec, NetworkSpec];
  // While the one goes the other is made.
  await Promise.all([host.dataplane.removeNetwork(office.id), host.dataplane.ensureNetwork(lab)]);
  expect(await host.netns.exec('nft', 'list', 'ruleset')).toContain('xnet-lan');
  await host.netns.ip('link del eth1');
  await host.dataplane.removeNetwork(lab.id);
  expect(await host.netns.exec('nft', 'list', 'ruleset')).not.toContain('xnet-lan');
});

test('while the parent is away the network fails to be repaired, and after it went down and up all is as before', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const container = await lan.container(host, lan.network(host, 'office', OFFICE), ['10.5.0.50/24']);
  await host.netns.ip('link set eth1 down');
  expect((await check(container)).failure).toMatchObject({ code: 'NOT_FOUND' });
  await host.netns.ip('link set eth1 up');
  expect(await check(container)).toEqual(RIGHT);
  await expectReachable(container.netns, [GATEWAYS[0]!]);
  await host.netns.ip('link del eth1');
  expect(await check(container)).toMatchObject({ repairs: [], failure: { code: 'NOT_FOUND' } });
  await lan.plug(host.netns, 11);
  // Of another process, too, once it has ensured the network.
  await lan.restart(host);
  await host.dataplane.ensureNetwork(container.network);
  expect((await check(container)).repairs).toEqual([child(container)]);
  await expectReachable(container.netns, [GATEWAYS[0]!, OUTSIDE[0]!]);
});

test('new containers have the MTU of the parent, or less if the network wants less', async () => {
  await using lan = await LanSegment.create(1);
  const [host] = lan.hosts as [LanTestHost];
  const mtuOf = async (network: NetworkSpec, address: string) => {
    const { netns } = await lan.container(host, network, [`${address}/24`]);
    const [{ mtu }]: [{ mtu: number }] = JSON.parse(await netns.ip('-j link show eth0'));
    return mtu;
  };
  const office = lan.network(host, 'office', OFFICE);
  expect(await mtuOf(office, '10.5.0.50')).toBe(1500);
  await host.netns.ip('link set eth1 mtu 1400');
  expect(await mtuOf(office, '10.5.0.51')).toBe(1400);
  expect(await mtuOf(lan.network(host, 'narrow', OFFICE, 1300), '10.5.0.52')).toBe(1300);
  expect(await host.dataplane.lanParent(OFFICE)).toMatchObject({
    interface: 'eth1',
    mtu: 1400,
    isUp: true,
    hasCarrier: true,
  });
});
