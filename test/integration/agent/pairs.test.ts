/** Which hosts are on one segment: found by frames with foreign addresses, on real wires with routers and filters between. */
import { expect, test } from '@jest/globals';
import { Pairs } from '../../../src/agent/pairs/pairs.js';
import { RunningClock, sleep } from '../../../src/concurrency/deadline.js';
import { LinuxPairs } from '../../../src/dataplane/pairs/linux-pairs.js';
import { testAddress } from '../../../src/dataplane/pairs/test-addresses.js';
import { Netns } from '../../support/kernel/netns.js';
import { type TestHost, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { muteLogger } from '../../support/loggers.js';
import { run } from '../../support/programs/command.js';
import { willMakeNamespace } from '../../support/runs/made.js';
import { eventually } from '../../support/time/eventually.js';

const MTU = 1500;
/** Until packets go through the tunnel, while this process runs; the kernel's work comes on top. */
const MOST_BLACK_MS = 1_800;
/** A calm time of up to 12 s, on a busy machine. */
const LONG_MS = 40_000;

/** A host that tests its pairs with all others. */
class PairedHost implements AsyncDisposable {
  readonly pairs: Pairs;
  readonly device: LinuxPairs;
  readonly namespace: string;

  constructor(
    private readonly host: TestHost,
    others: readonly TestHost[],
  ) {
    this.namespace = `${host.netns.name}-pairs`;
    willMakeNamespace(this.namespace);
    this.device = new LinuxPairs({ hostNamespace: host.netns.name, namespace: this.namespace });
    const peers = others.map(({ vtep, netns: { name } }) => ({ id: vtep, vtep, name }));
    this.pairs = new Pairs({
      device: this.device,
      testAddressOf: testAddress,
      peers: () => peers,
      tested: () => ({ families: [4, 6], mtu: MTU }),
      underlay: () => ({ vtep: host.vtep, interface: 'eth0', index: this.index, mtu: MTU }),
      vtepOf: (id) => id,
      logger: muteLogger,
    });
  }

  index = 0;

  async start(): Promise<void> {
    this.index = Number(/^\d+/.exec(await this.host.netns.ip('-o link show eth0'))?.[0]);
    this.pairs.start();
  }

  to({ vtep }: TestHost) {
    return this.pairs.states.get(vtep);
  }

  /** Nothing of it is left in the kernel. */
  async remove(): Promise<void> {
    await this.pairs[Symbol.asyncDispose]();
    await this.device.remove();
    await this.device.remove();
    expect(await run(['ip', 'netns', 'list'])).not.toContain(this.namespace);
    expect(await this.host.netns.exec('nft', 'list', 'ruleset')).not.toContain('xnet-pairs');
    expect(await this.host.netns.ip('link show')).not.toContain('xnet-pairs');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pairs[Symbol.asyncDispose]();
    await this.device[Symbol.asyncDispose]();
  }
}

/** Two hosts that test each other, until `use` ends. */
async function withPair(
  family: 4 | 6,
  use: (
    one: PairedHost,
    two: PairedHost,
    hosts: readonly TestHost[],
    underlay: TestUnderlay,
  ) => Promise<void>,
): Promise<void> {
  await using underlay = await TestUnderlay.create(2, { family });
  const [first, second] = underlay.hosts as [TestHost, TestHost];
  await using one = new PairedHost(first, [second]);
  await using two = new PairedHost(second, [first]);
  await Promise.all([one.start(), two.start()]);
  await eventually(() => isWay('direct', one, two, underlay.hosts), LONG_MS);
  await use(one, two, underlay.hosts, underlay);
  await one.remove();
  await two.remove();
}

function isWay(way: string, one: PairedHost, two: PairedHost, [first, second]: readonly TestHost[]): void {
  expect([first && two.to(first)?.way, second && one.to(second)?.way]).toEqual([way, way]);
}

test('over IPv6, two hosts on one bridge are a direct pair, and follow a MAC that changes', async () => {
  await withPair(6, async (one, two, hosts) => {
    const [first, second] = hosts as [TestHost, TestHost];
    const mac = '02:00:00:00:00:99';
    const changed: string[] = [];
    one.pairs.onChange((ids) => changed.push(...ids));
    await second.netns.ip(`link set eth0 address ${mac}`);
    await second.netns.exec('ping', '-n', '-c', '1', '-w', '10', first.vtep);
    const link = () => one.pairs.linkTo(second.vtep);
    await eventually(() => expect(link()).toEqual({ mac, isDirect: true }), LONG_MS);
    expect(changed).toContain(second.vtep);
    await eventually(() => isWay('direct', one, two, hosts), LONG_MS);
  });
});

test('a filter of foreign addresses makes it the tunnel in time; a killed daemon does not, a flushed firewall is repaired', async () => {
  await withPair(4, async (one, two, hosts, { wire }) => {
    const [first, second] = hosts as [TestHost, TestHost];
    const since = () => [one.to(second)?.since, two.to(first)?.since];
    await second.netns.exec('nft', 'flush', 'ruleset');
    const ruleset = () => second.netns.exec('nft', 'list', 'ruleset');
    await eventually(async () => expect(await ruleset()).toContain('xnet-pairs'), 10_000);
    await eventually(() => isWay('direct', one, two, hosts), LONG_MS);

    await wire.exec('nft', 'add table bridge filter');
    await wire.exec('nft', 'add chain bridge filter f { type filter hook forward priority 0; }');
    // As clouds do: a source that is none of the machine's own.
    await wire.exec('nft', 'add rule bridge filter f iifname h1 ether type ip ip saddr != 10.99.0.1 drop');
    using clock = new RunningClock();
    await eventually(() => {
      isWay('tunnel', one, two, hosts);
      // Where the machine is busy, the flush alone has made it the tunnel, and answers came since.
      expect(one.to(second)?.why).toMatch(/^no answer to \d+ probes of IPv4/);
    }, 10_000);
    expect(clock.ms).toBeLessThan(MOST_BLACK_MS);
    expect(one.pairs.linkTo(second.vtep)).toMatchObject({ isDirect: false });
    expect(await first.netns.reaches(second.vtep)).toBe(true);

    await wire.exec('nft', 'delete table bridge filter');
    await eventually(() => isWay('direct', one, two, hosts), LONG_MS);
    await two[Symbol.asyncDispose]();
    const [now] = since();
    await sleep(3_000);
    expect(one.to(second)).toMatchObject({ way: 'direct', since: now });
  });
});

test('a host behind a router is reached through the tunnel, also where the router answers ARP for it', async () => {
  await withPair(4, async (one, two, hosts, { wire }) => {
    const [first, second] = hosts as [TestHost, TestHost];
    await using router = await Netns.create('router');
    await router.ip(`link add near type veth peer name r1 netns ${wire.name}`);
    await wire.ip('link set r1 master wire up');
    await router.ip(`link add far type veth peer name r2 netns ${wire.name}`);
    await wire.ip('link add wire2 type bridge mcast_snooping 0');
    await wire.ip('link set wire2 addrgenmode none up');
    await wire.ip('link set r2 master wire2 up');
    await router.ip('addr add 10.99.0.253/24 dev near');
    await router.ip('addr add 10.99.0.252/32 dev far');
    for (const device of ['near', 'far']) await router.ip(`link set ${device} up`);
    await router.ip(`route add ${second.vtep}/32 dev far`);
    await router.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1');
    for (const device of ['near', 'far'])
      await router.exec('sysctl', '-qw', `net.ipv4.conf.${device}.proxy_arp=1`);

    const way = (expected: string) => () => isWay(expected, one, two, hosts);
    // The segment of the second host changes; its address and both routes stay as they were.
    await wire.ip('link set h2 nomaster');
    await wire.ip('link set h2 master wire2');
    await eventually(way('tunnel'), 10_000);
    await first.netns.ip('neigh flush dev eth0');
    await second.netns.ip('neigh flush dev eth0');
    expect(await first.netns.reaches(second.vtep, 20)).toBe(true);
    await sleep(5_000);
    way('tunnel')();

    await first.netns.ip(`route add ${second.vtep}/32 via 10.99.0.253`);
    await eventually(() => expect(one.to(second)?.why).toBe('the route to it goes via 10.99.0.253'), 10_000);
    expect(one.pairs.linkTo(second.vtep)).toBeUndefined();

    await first.netns.ip(`route del ${second.vtep}/32 via 10.99.0.253`);
    await wire.ip('link set h2 nomaster');
    await wire.ip('link set h2 master wire');
    await router.ip('link set near down');
    await first.netns.ip('neigh flush dev eth0');
    await second.netns.ip('neigh flush dev eth0');
    await eventually(way('direct'), LONG_MS);
  });
});
