/** A ping between containers of a routed network, while the segment of their hosts changes: little is lost, and never for long. */
import { expect, test } from '@jest/globals';
import { Pairs } from '../../../src/agent/pairs/pairs.js';
import { LinuxPairs } from '../../../src/dataplane/pairs/linux-pairs.js';
import { testAddress } from '../../../src/dataplane/pairs/test-addresses.js';
import { Netns } from '../../support/kernel/netns.js';
import { type Container, remoteOf, remotesOf } from '../../support/kernel/netns-hosts.js';
import { RoutedPair } from '../../support/kernel/routed-pair.js';
import { muteLogger } from '../../support/loggers.js';
import { willMakeNamespace } from '../../support/runs/made.js';
import { eventually } from '../../support/time/eventually.js';

const MOST_LOST_MS = 2_000;
const PING_MS = 20;
const LONG_MS = 60_000;

/** Tests the pair of this container's host and the other's, and forwards as it finds. */
async function follow(container: Container, other: Container): Promise<AsyncDisposable & { pairs: Pairs }> {
  const { host, network } = container;
  const namespace = `${host.netns.name}-pairs`;
  willMakeNamespace(namespace);
  const device = new LinuxPairs({ hostNamespace: host.netns.name, namespace });
  const [{ ifindex: index }] = JSON.parse(await host.netns.ip('-j link show eth0'));
  const { vtep } = other.host;
  const pairs: Pairs = new Pairs({
    device,
    testAddressOf: testAddress,
    peers: () => [{ id: vtep, vtep, name: other.host.netns.name }],
    tested: () => ({ families: [4, 6], mtu: 1500 }),
    underlay: () => ({ vtep: host.vtep, interface: 'eth0', index, mtu: 1500 }),
    vtepOf: (id) => id,
    logger: muteLogger,
  });
  let setting = Promise.resolve<unknown>(undefined);
  const forward = () => {
    const link = pairs.linkTo(vtep);
    const way = link && { segmentMac: link.mac, ...(link.isDirect && { direct: { mac: link.mac } }) };
    setting = setting.then(() =>
      host.dataplane.setForwarding(network.id, remotesOf([{ ...remoteOf(other), ...way }])),
    );
  };
  pairs.onChange(forward);
  forward();
  await setting;
  pairs.start();
  const dispose = async () => {
    await pairs[Symbol.asyncDispose]();
    await setting;
    await device.remove();
    await device[Symbol.asyncDispose]();
  };
  return { pairs, [Symbol.asyncDispose]: dispose };
}

/** A router beside the switch, which answers ARP for the host behind it. */
async function makeRouter(wire: Netns, far: string): Promise<Netns> {
  const router = await Netns.create('router');
  for (const [name, port, bridge] of [
    ['near', 'r1', 'wire'],
    ['far', 'r2', 'wire2'],
  ] as const) {
    if (bridge === 'wire2') await wire.ip('link add wire2 type bridge mcast_snooping 0');
    await wire.ip(`link set ${bridge} addrgenmode none up`);
    await router.ip(`link add ${name} type veth peer name ${port} netns ${wire.name}`);
    await wire.ip(`link set ${port} master ${bridge} up`);
    await router.exec(
      'sysctl',
      '-qw',
      `net.ipv4.conf.${name}.proxy_arp=1`,
      `net.ipv4.neigh.${name}.proxy_delay=0`,
    );
    await router.ip(`link set ${name} up`);
  }
  await router.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  await router.ip('addr add 10.99.0.253/24 dev near');
  await router.ip(`route add ${far}/32 dev far`);
  return router;
}

test('a host is moved behind a router and back, and at most two seconds of a ping are lost', async () => {
  await using routed = await RoutedPair.create('tunnel');
  const { underlay, a, b, first, second } = routed;
  await using _router = await makeRouter(underlay.wire, b.vtep);
  await using one = await follow(first, second);
  await using two = await follow(second, first);
  const ways = () => [one.pairs.states.get(b.vtep)?.way, two.pairs.states.get(a.vtep)?.way];
  const ping = first.netns.start('ping', '-n', '-i', `${PING_MS / 1000}`, '10.1.0.3');
  // Of each answer after the first: the pings lost before it. What ping itself did not send, for want of a processor, was not lost.
  const lostMs = () => {
    const answered = [...ping.output().matchAll(/bytes from.* icmp_seq=(\d+)/g)].map(([, n]) => Number(n));
    return answered.slice(1).map((n, index) => (n - (answered[index] ?? n)) * PING_MS);
  };
  await eventually(() => expect(ways()).toEqual(['direct', 'direct']), LONG_MS);
  // Nothing is lost when two hosts leave the tunnel one after the other.
  expect(Math.max(...lostMs())).toBeLessThan(500);

  // What a router announces when it takes over an address: the hosts forget the former MAC.
  await underlay.wire.ip('link set h2 master wire2');
  await Promise.all([a, b].map(({ netns }) => netns.ip('neigh flush dev eth0')));
  await eventually(() => expect(ways()).toEqual(['tunnel', 'tunnel']), LONG_MS);
  const before = lostMs().length;
  await eventually(() => expect(lostMs().length).toBeGreaterThan(before + 20), LONG_MS);
  const awayMs = Math.max(...lostMs());

  await underlay.wire.ip('link set h2 master wire');
  await Promise.all([a, b].map(({ netns }) => netns.ip('neigh flush dev eth0')));
  await eventually(() => expect(ways()).toEqual(['direct', 'direct']), LONG_MS);
  const backMs = Math.max(...lostMs());
  await ping.stop();
  console.info(
    `lost: ${Math.round(awayMs)} ms behind the router, ${Math.round(backMs)} ms at most with the way back`,
  );
  expect(backMs).toBeLessThan(MOST_LOST_MS);
});
