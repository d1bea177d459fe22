/** A container sends from its own MAC and addresses alone, whatever frames it makes; what it forges is dropped and counted. */
import { describe, expect, test } from '@jest/globals';
import type { LocalEndpoint, NetworkSpec } from '../../../src/dataplane/dataplane.js';
import { linkLocalOf } from '../../../src/inet/mac-address.js';
import { PacketSocket } from '../../../src/native/packets/packet-socket.js';
import { DOMAIN, ECHO, forgeries, NA, NS, OTHER_MAC, type Scene } from '../../support/attacks/forgeries.js';
import { Netns } from '../../support/kernel/netns.js';
import { type Container, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { eventually } from '../../support/time/eventually.js';
import { arpReply, icmp6, linkOption, udp, withOptions } from '../../support/traffic/frames.js';

const GATEWAY = { v4: '10.1.0.1', v6: 'fd01::1' };

/** From the first to the second. */
interface Pair extends Scene {
  readonly first: Container;
  readonly second: Container;
}

async function makePair(underlay: TestUnderlay, options: Partial<NetworkSpec> = {}): Promise<Pair> {
  const host = underlay.hosts[0]!;
  const network = underlay.network(host, 'shop', options);
  const first = await underlay.container(host, network, ['10.1.0.2/24', 'fd01::2/64']);
  const second = await underlay.container(host, network, ['10.1.0.3/24', 'fd01::3/64']);
  const macs = { from: first.endpoint.mac, to: second.endpoint.mac };
  return {
    ...{ first, second },
    v4: { ...macs, source: '10.1.0.2', destination: '10.1.0.3' },
    v6: { ...macs, source: 'fd01::2', destination: 'fd01::3' },
    linkLocal: linkLocalOf(macs.from),
    gateway: GATEWAY,
  };
}

/** Which of the frames that the first container sends reach the second. */
async function passed({ first, second, v4 }: Pair, frames: Record<string, Buffer>): Promise<string[]> {
  const seen = new Set<string>();
  const path = (container: Container) => `/run/netns/${container.netns.name}`;
  const at = { interfaceName: 'eth0', snapBytes: 0xffff };
  using _ = new PacketSocket({ ...at, namespacePath: path(second) }, (packets) => {
    for (const { bytes } of packets) seen.add(bytes.toString('hex'));
  });
  using from = new PacketSocket({ ...at, namespacePath: path(first) }, () => undefined);
  const last = udp(v4, 9999);
  for (const each of [...Object.values(frames), last]) expect(from.send(each)).toBe(true);
  // The kernel keeps the order.
  await eventually('the last frame', () => seen.has(last.toString('hex')));
  return Object.keys(frames).filter((name) => seen.has(frames[name]!.toString('hex')));
}

/** What the network has counted of the container. */
async function forgedOf({ host, network, endpoint }: Container): Promise<number> {
  const check = await host.dataplane.repairNetwork(network.id, () => []);
  return check.forged?.get(endpoint.id.slice(0, 12)) ?? 0;
}

/** What a host sends before it has an address is dropped, and not counted. */
function nobodys({ v4, v6 }: Pair): Record<string, Buffer> {
  return {
    'a question for a DHCP server': udp({ ...v4, source: '0.0.0.0' }, 67),
    'a test of the address of another': icmp6({ ...v6, source: '::' }, NS, GATEWAY.v6),
  };
}

function honest({ v4, v6, linkLocal }: Pair): Record<string, Buffer> {
  const own = v4.from;
  return {
    IPv4: udp(v4, DOMAIN),
    IPv6: udp(v6, DOMAIN),
    'IPv6 from the link-local address': udp({ ...v6, source: linkLocal }, DOMAIN),
    'IPv6 with options': withOptions(udp(v6, DOMAIN)),
    ARP: arpReply(v4, { mac: own, address: v4.source }),
    'a probe of ARP': arpReply(v4, { mac: own, address: '0.0.0.0' }),
    'a solicitation': icmp6(v6, NS, GATEWAY.v6, linkOption(1, own)),
    'an advertisement': icmp6(v6, NA, v6.source, linkOption(2, own)),
    'a test of its own address': icmp6({ ...v6, source: '::' }, NS, v6.source),
    'a report of groups': icmp6({ ...v6, source: '::' }, 143),
    'an echo': icmp6(v6, ECHO),
  };
}

describe('a container', () => {
  test('sends from its own MAC and addresses, and nothing else', async () => {
    await using underlay = await TestUnderlay.create(1);
    const pair = await makePair(underlay);
    const before = await forgedOf(pair.first);
    expect(await passed(pair, honest(pair))).toEqual(Object.keys(honest(pair)));
    expect(await forgedOf(pair.first)).toBe(before);
    expect(await passed(pair, { ...forgeries(pair), ...nobodys(pair) })).toEqual([]);
    expect(await forgedOf(pair.first)).toBe(before + Object.keys(forgeries(pair)).length);
    expect(await pair.second.netns.reaches('fd01::2')).toBe(true);
  });

  test('that was given no address sends from any, and from its own MAC alone', async () => {
    await using underlay = await TestUnderlay.create(1);
    const pair = await makePair(underlay);
    const { host, network, endpoint } = pair.first;
    await host.dataplane.removeEndpoint(network.id, endpoint.id);
    const { addresses: _, ...bare } = { ...endpoint, id: endpoint.id.replace(/^.{12}/, 'abcdefabcdef') };
    const { interfaceName } = await host.dataplane.ensureEndpoint(network, bare);
    await host.netns.ip(`link set ${interfaceName} netns ${pair.first.netns.name} name eth0`);
    await pair.first.netns.ip('link set eth0 up');
    const frames = {
      forged: udp({ ...pair.v4, from: OTHER_MAC }, DOMAIN),
      own: udp({ ...pair.v4, source: GATEWAY.v4 }, DOMAIN),
    };
    await eventually('it forwards', async () => (await passed(pair, frames)).length > 0);
    expect(await passed(pair, frames)).toEqual(['own']);
  });

  test('of a network with spoof=allow sends what it likes', async () => {
    await using underlay = await TestUnderlay.create(1);
    const pair = await makePair(underlay, { spoof: 'allow' });
    // br0 itself answers, and passes on, what is of ND.
    const all = Object.keys(forgeries(pair));
    expect(await passed(pair, forgeries(pair))).toEqual(all);
    expect(await forgedOf(pair.first)).toBe(0);
  });
});

const ALTERATIONS: readonly (readonly [string, (table: string, port: string) => string, string])[] = [
  ['is flushed', () => 'flush ruleset', 'missing'],
  ['has no table of a port any more', (table) => `delete table ${table}`, 'missing'],
  ['has no rules of a port any more', (table, port) => `flush chain ${table} ${port}`, 'altered'],
  ['lets a port send all', (table, port) => `insert rule ${table} ${port} accept`, 'altered'],
  ['is dormant', (table) => `add table ${table} { flags dormant; }`, 'altered'],
];

test('what others alter of the filter is reported, and put right', async () => {
  await using underlay = await TestUnderlay.create(1);
  const pair = await makePair(underlay);
  const { host, network } = pair.first;
  const name = pair.first.endpoint.id.slice(0, 12);
  const [table, port] = [`netdev xnet-${network.id}-${name}`, `xc${name}`];
  const endpoints = [pair.first, pair.second].map(
    ({ endpoint, netns, addresses }): LocalEndpoint => ({
      ...{
        ...endpoint,
        interfaceAddresses: addresses.map((each) => `${each}/${each.includes(':') ? 64 : 24}`),
      },
      sandboxPath: `/run/netns/${netns.name}`,
    }),
  );
  const repair = () => host.dataplane.repairNetwork(network.id, () => endpoints);
  const unheld = () => host.dataplane.reading.findUnheld(network.id, endpoints);
  expect(await repair()).toMatchObject({ repairs: [] });
  expect(await unheld()).toEqual([]);
  for (const [what, alter, was] of ALTERATIONS) {
    await Netns.of(`xnet-${network.id}`).exec('nft', alter(table, port));
    expect(await unheld()).toContain(name);
    const { repairs, failure } = await repair();
    expect([what, failure, repairs]).toEqual([
      what,
      undefined,
      expect.arrayContaining([{ kind: 'source-filter', object: port, was }]),
    ]);
    expect(await repair()).toMatchObject({ repairs: [] });
    expect(await unheld()).toEqual([]);
    expect(await passed(pair, forgeries(pair))).toEqual([]);
    const counts = await host.dataplane.reading.countForged(network.id);
    expect(counts.get(name)).toBeGreaterThanOrEqual(Object.keys(forgeries(pair)).length);
  }
});

test('of a network that is not there nothing is counted, and nobody is missed', async () => {
  await using underlay = await TestUnderlay.create(1);
  const { reading } = underlay.hosts[0]!.dataplane;
  expect(await reading.countForged('0123456789ab')).toEqual(new Map());
  expect(await reading.findUnheld('0123456789ab', [{ id: 'a'.repeat(64), mac: OTHER_MAC }])).toEqual([]);
});

test('a flush of the filter is reported at once, where the kernel reports it', async () => {
  await using underlay = await TestUnderlay.create(1);
  const host = underlay.hosts[0]!;
  const network = underlay.network(host, 'shop');
  await underlay.container(host, network, ['10.1.0.2/24']);
  const hinted: string[] = [];
  await using _ = host.dataplane.watchKernel((hint) => {
    if (typeof hint === 'object' && 'networkId' in hint && !hint.isOwn) hinted.push(hint.networkId);
  });
  // Later than what is taken for the data plane's own work.
  await new Promise((resolve) => setTimeout(resolve, 500));
  await Netns.of(`xnet-${network.id}`).exec('nft', 'flush', 'ruleset');
  await eventually('a hint', () => hinted.includes(network.id));
});
