/** What others alter by hand in a network's kernel objects is found, told of, and put right; what is right is left alone. */
import { expect, test } from '@jest/globals';
import type { KernelHint, LocalEndpoint, Repair } from '../../../src/dataplane/dataplane.js';
import { Netns } from '../../support/kernel/netns.js';
import { type Container, remotesOf, type TestHost, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { run } from '../../support/programs/command.js';
import { eventually } from '../../support/time/eventually.js';

interface Pair {
  readonly a: TestHost;
  readonly first: Container;
  readonly second: Container;
  /** The network's namespace on the first host. */
  readonly netns: Netns;
  /** The port of the first container. */
  readonly port: string;
  readonly endpoint: LocalEndpoint;
}

const ADDRESSES = ['10.1.0.2/24', 'fd01::2/64'];

async function makePair(underlay: TestUnderlay): Promise<Pair> {
  const [a, b] = underlay.hosts;
  const first = await underlay.container(a!, underlay.network(a!, 'shop'), ADDRESSES);
  const second = await underlay.container(b!, underlay.network(b!, 'shop'), ['10.1.0.3/24', 'fd01::3/64']);
  await underlay.connect([first, second]);
  const { endpoint } = first;
  return {
    a: a!,
    first,
    second,
    netns: Netns.of(`xnet-${first.network.id}`),
    port: `xc${endpoint.id.slice(0, 12)}`,
    endpoint: { ...endpoint, interfaceAddresses: ADDRESSES, sandboxPath: `/run/netns/${first.netns.name}` },
  };
}

async function repair({ a, first, endpoint }: Pair): Promise<readonly Repair[]> {
  const { repairs } = await a.dataplane.repairNetwork(first.network.id, () => [endpoint]);
  return repairs;
}

/** Both families, and anew: what is tracked or cached may go on for a while. */
async function expectReachable({ first, second }: Pair): Promise<void> {
  for (const address of second.addresses) expect(await first.netns.reaches(address, 10)).toBe(true);
}

type Alteration = readonly [
  what: string,
  alter: (pair: Pair) => Promise<unknown>,
  expected: (pair: Pair) => Repair[],
];

const VTEP_OF_NOBODY = '10.99.0.77';

const bridge = (was: Repair['was']) => () => [{ kind: 'bridge' as const, object: 'br0', was }];
const vxlan = (was: Repair['was']) => () => [{ kind: 'vxlan' as const, object: 'vxlan0', was }];
const port = ({ port: object }: Pair) => [{ kind: 'port' as const, object, was: 'altered' as const }];
const veth = ({ port: object }: Pair) => [{ kind: 'veth' as const, object, was: 'missing' as const }];
const fdb = (was: Repair['was']) => (pair: Pair) => [
  { kind: 'fdb-entry' as const, object: pair.second.endpoint.mac, was },
];
const ownFdb = (was: Repair['was']) => (pair: Pair) => [
  { kind: 'fdb-entry' as const, object: pair.endpoint.mac, was },
];

const ALTERATIONS: readonly Alteration[] = [
  ['br0 is deleted', ({ netns }) => netns.ip('link del br0'), bridge('missing')],
  ['br0 is down', ({ netns }) => netns.ip('link set br0 down'), bridge('altered')],
  ['br0 has another MTU', ({ netns }) => netns.ip('link set br0 mtu 1300'), bridge('altered')],
  [
    'br0 has another MAC',
    ({ netns }) => netns.ip('link set br0 address 02:00:00:00:00:99'),
    bridge('altered'),
  ],
  [
    'br0 snoops multicast',
    ({ netns }) => netns.ip('link set br0 type bridge mcast_snooping 1'),
    bridge('altered'),
  ],
  ['vxlan0 is deleted', ({ netns }) => netns.ip('link del vxlan0'), vxlan('missing')],
  ['vxlan0 is down', ({ netns }) => netns.ip('link set vxlan0 down'), vxlan('altered')],
  ['vxlan0 has another MTU', ({ netns }) => netns.ip('link set vxlan0 mtu 1300'), vxlan('altered')],
  ['vxlan0 is off the bridge', ({ netns }) => netns.ip('link set vxlan0 nomaster'), vxlan('altered')],
  [
    'vxlan0 sends from another address',
    ({ netns }) => netns.ip(`link set vxlan0 type vxlan local ${VTEP_OF_NOBODY}`),
    vxlan('altered'),
  ],
  [
    'vxlan0 floods and learns as a port',
    ({ netns }) => netns.ip('link set vxlan0 type bridge_slave flood on learning on'),
    vxlan('altered'),
  ],
  [
    'vxlan0 leaves ARP to the hosts',
    ({ netns }) => netns.ip('link set vxlan0 type bridge_slave neigh_suppress off'),
    vxlan('altered'),
  ],
  [
    'vxlan0 was made anew with another VNI and learning',
    async ({ netns, a }) => {
      await netns.ip('link del vxlan0');
      await a.netns.ip(
        `link add vxlan0 netns ${netns.name} type vxlan id 4242 local ${a.vtep} dstport 4789 learning`,
      );
      await netns.ip('link set vxlan0 master br0 up');
    },
    vxlan('altered'),
  ],
  ['a port is down', ({ netns, port }) => netns.ip(`link set ${port} down`), port],
  ['a port is off the bridge', ({ netns, port }) => netns.ip(`link set ${port} nomaster`), port],
  ['a port has another MTU', ({ netns, port }) => netns.ip(`link set ${port} mtu 1300`), port],
  [
    'a port is isolated',
    ({ netns, port }) => netns.ip(`link set ${port} type bridge_slave isolated on flood on`),
    port,
  ],
  ['a port is deleted', ({ netns, port }) => netns.ip(`link del ${port}`), veth],
  ['the interface is deleted in the container', ({ first }) => first.netns.ip('link del eth0'), veth],
  [
    'the namespace has no name',
    ({ netns }) => run(['ip', 'netns', 'del', netns.name]),
    (pair) => [{ kind: 'namespace', object: pair.netns.name, was: 'missing' }, ...veth(pair)],
  ],
  [
    'an FDB entry is deleted',
    ({ netns, second }) => netns.bridge(`fdb del ${second.endpoint.mac} dev vxlan0 self`),
    fdb('altered'),
  ],
  [
    'an FDB entry leads to another host',
    ({ netns, second }) =>
      netns.bridge(`fdb replace ${second.endpoint.mac} dev vxlan0 dst ${VTEP_OF_NOBODY} self static`),
    fdb('altered'),
  ],
  [
    "an FDB entry leads to a container's port",
    ({ netns, second, port }) => netns.bridge(`fdb replace ${second.endpoint.mac} dev ${port} master static`),
    fdb('altered'),
  ],
  [
    'an FDB entry is added',
    ({ netns }) =>
      netns.bridge(`fdb add 02:00:00:00:00:99 dev vxlan0 dst ${VTEP_OF_NOBODY} self master static`),
    () => [{ kind: 'fdb-entry', object: '02:00:00:00:00:99', was: 'extra' }],
  ],
  [
    'the FDB entry of a container here is deleted',
    ({ netns, port, endpoint }) => netns.bridge(`fdb del ${endpoint.mac} dev ${port} master`),
    ownFdb('missing'),
  ],
  [
    'the FDB entry of a container here leads to another host',
    ({ netns, endpoint }) =>
      netns.bridge(`fdb replace ${endpoint.mac} dev vxlan0 dst ${VTEP_OF_NOBODY} self master static`),
    ownFdb('extra'),
  ],
  [
    "an FDB entry for a stranger is added at a container's port",
    ({ netns, port }) => netns.bridge(`fdb add 02:00:00:00:00:99 dev ${port} master static`),
    () => [{ kind: 'fdb-entry', object: '02:00:00:00:00:99', was: 'extra' }],
  ],
  [
    'a flood entry is deleted',
    ({ netns, second }) => netns.bridge(`fdb del 00:00:00:00:00:00 dev vxlan0 dst ${second.host.vtep} self`),
    ({ second }) => [{ kind: 'flood-entry', object: second.host.vtep, was: 'missing' }],
  ],
  [
    'a flood entry is added',
    ({ netns }) =>
      netns.bridge(`fdb append 00:00:00:00:00:00 dev vxlan0 dst ${VTEP_OF_NOBODY} self permanent`),
    () => [{ kind: 'flood-entry', object: VTEP_OF_NOBODY, was: 'extra' }],
  ],
  [
    'a neighbour is deleted',
    ({ netns, second }) => netns.ip(`neigh del ${second.addresses[0]} dev br0`),
    ({ second }) => [{ kind: 'neighbour', object: second.addresses[0]!, was: 'missing' }],
  ],
  [
    'a neighbour has another MAC',
    ({ netns, second }) =>
      netns.ip(`neigh replace ${second.addresses[1]} lladdr 02:00:00:00:00:99 dev br0 nud permanent`),
    ({ second }) => [{ kind: 'neighbour', object: second.addresses[1]!, was: 'altered' }],
  ],
  [
    'a neighbour is added',
    ({ netns }) => netns.ip('neigh add 10.1.0.99 lladdr 02:00:00:00:00:99 dev br0 nud permanent'),
    () => [{ kind: 'neighbour', object: '10.1.0.99', was: 'extra' }],
  ],
];

test('a container in two networks that lost both interfaces has them again, each under its name', async () => {
  await using underlay = await TestUnderlay.create(1);
  const [host] = underlay.hosts;
  const shop = underlay.network(host!, 'shop');
  const more = underlay.network(host!, 'more');
  const { netns, endpoint: first } = await underlay.container(host!, shop, ['10.1.0.2/24']);
  const second = { id: '5'.repeat(64), mac: '02:00:00:00:00:77' };
  const { interfaceName } = await host!.dataplane.ensureEndpoint(more, second);
  await host!.netns.ip(`link set ${interfaceName} netns ${netns.name} name eth3`);
  const sandboxPath = `/run/netns/${netns.name}`;
  const check = async () => [
    await host!.dataplane.repairNetwork(more.id, () => [
      { ...second, interfaceAddresses: ['10.2.0.2/24', 'fd02::2/64'], sandboxPath },
    ]),
    await host!.dataplane.repairNetwork(shop.id, () => [
      { ...first, interfaceAddresses: ['10.1.0.2/24'], sandboxPath },
    ]),
  ];
  const right = { repairs: [], strangers: [], size: 0 };
  expect(await check()).toEqual([right, right]);
  await netns.ip('link del eth0');
  await netns.ip('link del eth3');
  const repaired = { repairs: [{ kind: 'veth', was: 'missing' }], strangers: [] };
  expect(await check()).toMatchObject([repaired, repaired]);
  const links: { ifname: string; mtu: number; addr_info: { local: string; prefixlen: number }[] }[] =
    JSON.parse(await netns.ip('-j addr show up scope global'));
  const shown = links.map(({ ifname, mtu, addr_info }) => [
    ifname,
    mtu,
    // iproute2 prints {} for the addresses that it leaves out.
    ...addr_info.flatMap(({ local, prefixlen }) => (local ? `${local}/${prefixlen}` : [])),
  ]);
  expect(shown.sort()).toEqual([
    ['eth0', 1450, '10.1.0.2/24'],
    ['eth3', 1450, '10.2.0.2/24', 'fd02::2/64'],
  ]);
});

test('an endpoint that is in no container is left to Docker, and gets its interface with Join', async () => {
  await using underlay = await TestUnderlay.create(1);
  const [host] = underlay.hosts;
  const network = underlay.network(host!, 'shop');
  const endpoint = { id: '6'.repeat(64), mac: '02:00:00:00:00:78' };
  const { interfaceName } = await host!.dataplane.ensureEndpoint(network, endpoint);
  await host!.netns.ip(`link del ${interfaceName}`);
  for (const sandboxPath of [undefined, '/run/netns/none-such']) {
    const local = { ...endpoint, interfaceAddresses: [], sandboxPath };
    const { repairs } = await host!.dataplane.repairNetwork(network.id, () => [local]);
    expect(repairs).toEqual([]);
  }
  await host!.dataplane.ensureEndpoint(network, endpoint);
  expect(await host!.netns.ip(`link show ${interfaceName}`)).toContain(endpoint.mac);
});

test('what is being changed is never taken for altered: endpoints and remotes that come and go', async () => {
  await using underlay = await TestUnderlay.create(1);
  const [host] = underlay.hosts;
  const { dataplane } = host!;
  const network = underlay.network(host!, 'shop');
  await dataplane.ensureNetwork(network);
  // As the driver does it: known when it is attached, and no more before it is removed.
  const known = new Map<string, LocalEndpoint>();
  const until = Date.now() + 8_000;
  let checks = 0;
  let changes = 0;
  // Longer on a machine that has not done enough by then.
  const goesOn = () => Date.now() < until || Math.min(checks, changes) <= 10;
  const churn = async (digit: string) => {
    for (let round = 0; goesOn(); round++) {
      const endpoint = { id: digit.repeat(64), mac: `02:00:00:00:0${digit}:0${round % 4}` };
      await dataplane.ensureEndpoint(network, endpoint);
      known.set(endpoint.id, { ...endpoint, interfaceAddresses: [] });
      changes++;
      known.delete(endpoint.id);
      await dataplane.removeEndpoint(network.id, endpoint.id);
    }
  };
  const forward = async () => {
    for (let round = 0; goesOn(); round++) {
      const remotes = Array.from({ length: round % 5 }, (_, i) => ({
        mac: `02:00:00:00:09:0${i}`,
        addresses: [`10.1.9.${i + 1}`],
        vtep: `10.99.0.${10 + ((round + i) % 3)}`,
      }));
      await dataplane.setForwarding(network.id, remotesOf(remotes));
    }
  };
  const found: Repair[] = [];
  const look = async () => {
    while (goesOn()) {
      const check = await dataplane.repairNetwork(network.id, () => [...known.values()]);
      found.push(...check.repairs);
      checks++;
    }
  };
  await Promise.all([churn('1'), churn('2'), churn('3'), forward(), look()]);
  expect(found).toEqual([]);
}, 60_000);

test('each alteration in turn is told of by the kernel, repaired, and told of once', async () => {
  await using underlay = await TestUnderlay.create(2);
  const pair = await makePair(underlay);
  const hints: KernelHint[] = [];
  await using _ = pair.a.dataplane.watchKernel((hint) => {
    if (typeof hint !== 'object' || ('networkId' in hint && !hint.isOwn)) hints.push(hint);
  });
  expect(await repair(pair)).toEqual([]);
  const heard: string[] = [];
  for (const [what, alter, expected] of ALTERATIONS) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    hints.length = 0;
    await alter(pair);
    await eventually(`a hint, when ${what}`, () => hints.length > 0, 2_000).then(
      () => heard.push(what),
      () => {},
    );
    const repairs = await repair(pair);
    expect([what, repairs]).toEqual([what, expected(pair)]);
    await expectReachable(pair);
    expect([what, await repair(pair)]).toEqual([what, []]);
  }
  expect(heard).toEqual(ALTERATIONS.map(([what]) => what));
}, 180_000);
