/** Which frames leave a host, and to whom: broadcast, multicast, ARP, ND and unknown destinations. */
import { describe, expect, test } from '@jest/globals';
import type { NetworkSpec } from '../../../src/dataplane/dataplane.js';
import { Netns } from '../../support/kernel/netns.js';
import { type Container, remotesOf, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { eventually } from '../../support/time/eventually.js';
import { Sniffer } from '../../support/traffic/sniffer.js';

const VXLAN_OUT = 'udp dst port 4789';

/** Sends to a group or broadcast address that nobody answers. */
async function send(from: Container, address: string, ...options: string[]): Promise<void> {
  await from.netns.succeeds('ping', '-n', '-c', '2', '-i', '0.2', '-W', '1', ...options, address);
}

async function ping(from: Container, address: string): Promise<boolean> {
  return from.netns.reaches(address);
}

/** Containers .2, .3, ... of one network, one per host. */
async function oneEach(
  underlay: TestUnderlay,
  hosts: number,
  options: Partial<NetworkSpec> = {},
): Promise<Container[]> {
  const containers: Container[] = [];
  for (const [i, host] of underlay.hosts.slice(0, hosts).entries()) {
    const network = underlay.network(host, 'shop', options);
    containers.push(await underlay.container(host, network, [`10.1.0.${i + 2}/24`, `fd01::${i + 2}/64`]));
  }
  await underlay.connect(containers);
  return containers;
}

describe('broadcast', () => {
  test('reaches every host with an endpoint in the network and no other host', async () => {
    await using underlay = await TestUnderlay.create(4);
    const [first, second, third] = await oneEach(underlay, 3);
    const outsider = underlay.hosts[3]!;
    const bank = await underlay.container(outsider, underlay.network(outsider, 'bank'), ['10.1.0.9/24']);
    await underlay.connect([bank]);
    await using atSecond = await Sniffer.start(second!.netns, 'eth0', 'icmp');
    await using atThird = await Sniffer.start(third!.netns, 'eth0', 'icmp');
    await using atOutsider = await Sniffer.start(outsider.netns, 'eth0', 'udp port 4789');
    await send(first!, '10.1.0.255', '-b');
    await atSecond.sees(/10\.1\.0\.2 > 10\.1\.0\.255: ICMP echo request/);
    await atThird.sees(/10\.1\.0\.2 > 10\.1\.0\.255: ICMP echo request/);
    expect(await atOutsider.count()).toBe(0);
  });

  test('no longer goes to a host whose last endpoint left', async () => {
    await using underlay = await TestUnderlay.create(3);
    const [first, second, third] = await oneEach(underlay, 3);
    await underlay.connect([first!, second!]);
    await using atThird = await Sniffer.start(
      third!.host.netns,
      'eth0',
      'udp port 4789 and src host 10.99.0.1',
    );
    await using atSecond = await Sniffer.start(second!.netns, 'eth0', 'icmp');
    await send(first!, '10.1.0.255', '-b');
    await atSecond.sees(/10\.1\.0\.255/);
    expect(await atThird.count()).toBe(0);
  });
});

describe('multicast', () => {
  test('reaches containers on other hosts', async () => {
    await using underlay = await TestUnderlay.create(2);
    const [first, second] = await oneEach(underlay, 2);
    await using atSecond = await Sniffer.start(second!.netns, 'eth0', 'icmp');
    await send(first!, '239.1.2.3', '-I', 'eth0');
    await atSecond.sees(/10\.1\.0\.2 > 239\.1\.2\.3/);
  });

  test('stays on its host when it is off, while broadcast, ARP and ND go on working', async () => {
    await using underlay = await TestUnderlay.create(2);
    const [first, second] = await oneEach(underlay, 2, { multicast: false, spoof: 'allow' });
    const neighbour = await underlay.container(first!.host, first!.network, ['10.1.0.9/24']);
    await using onWire = await Sniffer.start(first!.host.netns, 'eth0', VXLAN_OUT);
    await using atNeighbour = await Sniffer.start(neighbour.netns, 'eth0', 'icmp');
    await send(first!, '239.1.2.3', '-I', 'eth0');
    await atNeighbour.sees(/10\.1\.0\.2 > 239\.1\.2\.3/);
    await send(first!, '10.1.0.255', '-b');
    await onWire.sees(/10\.1\.0\.2 > 10\.1\.0\.255/);
    expect(onWire.saw(/239\.1\.2\.3/)).toBe(false);
    for (const address of second!.addresses) expect(await ping(first!, address)).toBe(true);
    // An address that the store does not know: ARP is broadcast.
    await second!.netns.ip('addr add 10.1.0.50/24 dev eth0');
    expect(await ping(first!, '10.1.0.50')).toBe(true);
  });

  test('off leaves link-local IPv6 addresses reachable', async () => {
    await using underlay = await TestUnderlay.create(2);
    const [first, second] = await oneEach(underlay, 2, { multicast: false });
    // The kernel gives it when it has noticed the carrier, and its duplicate address detection takes a second or two.
    const findLinkLocal = async () => {
      const shown = await second!.netns.ip('-6 -o addr show dev eth0 scope link');
      return /inet6 (fe80::[0-9a-f:]+)/.exec(shown)?.[1];
    };
    await eventually('an answer', async () => {
      const linkLocal = await findLinkLocal();
      return linkLocal !== undefined && ping(first!, `${linkLocal}%eth0`);
    });
  });
});

describe('ARP and ND', () => {
  test('for known addresses are answered on the asking host', async () => {
    await using underlay = await TestUnderlay.create(2);
    const [first, second] = await oneEach(underlay, 2);
    await using onWire = await Sniffer.start(first!.host.netns, 'eth0', VXLAN_OUT);
    for (const address of second!.addresses) expect(await ping(first!, address)).toBe(true);
    await onWire.sees(/10\.1\.0\.3 > 10\.1\.0\.2: ICMP echo reply/);
    await onWire.sees(/fd01::3 > fd01::2: ICMP6, echo reply/);
    expect(onWire.saw(/who-has 10\.1\.0\.[23]|solicitation, who has fd01::[23]/)).toBe(false);
  });

  test('for unknown addresses go out to the members, so that floating addresses work where containers may send from them', async () => {
    await using underlay = await TestUnderlay.create(2);
    const [first, second] = await oneEach(underlay, 2, { spoof: 'allow' });
    await second!.netns.ip('addr add 10.1.0.50/24 dev eth0');
    await second!.netns.ip('addr add fd01::50/64 dev eth0 nodad');
    expect(await ping(first!, '10.1.0.50')).toBe(true);
    expect(await ping(first!, 'fd01::50')).toBe(true);
  });
});

test('a frame to a MAC that nobody has reaches neither the underlay nor other containers', async () => {
  await using underlay = await TestUnderlay.create(2);
  const [first] = await oneEach(underlay, 2);
  const neighbour = await underlay.container(first!.host, first!.network, ['10.1.0.9/24']);
  await first!.netns.ip('neigh add 10.1.0.77 lladdr 02:de:ad:00:00:01 dev eth0 nud permanent');
  await using onWire = await Sniffer.start(first!.host.netns, 'eth0', VXLAN_OUT);
  await using atNeighbour = await Sniffer.start(neighbour.netns, 'eth0', 'icmp');
  await send(first!, '10.1.0.77');
  await send(first!, '10.1.0.255', '-b');
  await onWire.sees(/10\.1\.0\.255/);
  await atNeighbour.sees(/10\.1\.0\.255/);
  expect(onWire.saw(/10\.1\.0\.77/)).toBe(false);
  expect(atNeighbour.saw(/10\.1\.0\.77/)).toBe(false);
});

test('the devices of a network send nothing of their own', async () => {
  await using underlay = await TestUnderlay.create(2);
  const [host, other] = underlay.hosts;
  await using onWire = await Sniffer.start(host!.netns, 'eth0', 'udp port 4789');
  const network = underlay.network(host!, 'shop');
  await host!.dataplane.ensureNetwork(network);
  const remote = { mac: '02:00:00:00:00:09', addresses: ['10.1.0.9', 'fd01::9'], vtep: other!.vtep };
  await host!.dataplane.setForwarding(network.id, remotesOf([remote]));
  await host!.dataplane.ensureEndpoint(network, { id: 'e1', mac: '02:00:00:00:00:02' });
  // Router solicitations and reports of group membership come within the first seconds of a device's life.
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  expect(await onWire.count()).toBe(0);
});

test('a firewall of the host that drops all forwarded packets, bridged ones too, does not touch them', async () => {
  await using underlay = await TestUnderlay.create(2);
  for (const { netns } of underlay.hosts) {
    await netns.exec('sysctl', '-q', '-w', 'net.bridge.bridge-nf-call-iptables=1');
    await netns.exec('nft', 'add table ip filter');
    await netns.exec(
      'nft',
      'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }',
    );
  }
  const [first, second] = await oneEach(underlay, 2);
  const neighbour = await underlay.container(first!.host, first!.network, ['10.1.0.9/24']);
  expect(await ping(first!, second!.addresses[0]!)).toBe(true);
  expect(await ping(first!, neighbour.addresses[0]!)).toBe(true);
  const inside = Netns.of(`xnet-${first!.network.id}`);
  expect((await inside.exec('sysctl', '-n', 'net.bridge.bridge-nf-call-iptables')).trim()).toBe('0');
});
