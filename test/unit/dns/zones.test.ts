/** A zone that is changed with the records that change, against one that is made of all of them. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { NamedEndpoint } from '../../../src/dns/answers/named-endpoint.js';
import { type EndpointChange, type ZoneSources, Zones } from '../../../src/dns/answers/zones.js';
import type { EndpointRecord } from '../../../src/model/endpoint.js';

const NETWORK = '0123456789ab';
const NAMES = ['web', 'Web', 'db', 'web.shop', 'db.back', 'a.web', ''];
const NETWORK_NAMES = ['shop', 'back', 'front.back'];
const ADDRESSES = ['10.1.0.2', '10.1.0.3', 'fd00::2', '10.1.0.2/24', 'nonsense'];
const ASKED = NAMES.map((name) => name.toLowerCase()).flatMap((name) => [
  name,
  ...NETWORK_NAMES.map((network) => `${name}.${network}`),
]);
const REVERSE = ['2.0.1.10.in-addr.arpa', '3.0.1.10.in-addr.arpa', `2.${'0.'.repeat(27)}0.0.d.f.ip6.arpa`];

/** The cluster as the sources have it. */
class World {
  readonly records = new Map<string, EndpointRecord>();
  readonly silent = new Set<string>();
  name: string | undefined;
  subnets: string[] = [];
  reads = 0;

  readonly sources: ZoneSources = {
    endpointsOf: () => {
      this.reads += 1;
      return [...this.records.values()];
    },
    nameOf: () => this.name,
    virtualSubnetsOf: () => this.subnets,
    isAlive: (hostId) => !this.silent.has(hostId),
    isCurrent: () => true,
  };

  put(id: string, now: EndpointRecord | undefined): EndpointChange {
    const before = this.records.get(id);
    if (now) this.records.set(id, now);
    else this.records.delete(id);
    return { before, now };
  }
}

/** All that queries can find, in whatever order. */
function answersOf(zones: Zones): Record<string, string[]> {
  const zone = zones.find(NETWORK);
  const shown = ({ fullName, ipv4, ipv6, ports, alive }: NamedEndpoint) =>
    JSON.stringify([fullName, ipv4.map(String), ipv6.map(String), ports, alive]);
  const lists = [
    ...ASKED.map((name) => [name, zone?.find(name) ?? []] as const),
    ...REVERSE.map((name) => [name, zone?.findByReverseName(name) ?? []] as const),
  ];
  return Object.fromEntries(lists.map(([name, found]) => [name, found.map(shown).toSorted()]));
}

const someOf = (words: readonly string[]) => fc.subarray([...words], { maxLength: 3 });
const record: fc.Arbitrary<EndpointRecord> = fc.record({
  ...{
    version: fc.constant(1 as const),
    networkId: fc.constant(NETWORK),
    mac: fc.constant('02:00:00:00:00:01'),
  },
  ...{ id: fc.constant('e'), dockerNetworkId: fc.constant('d'), hostId: fc.constantFrom('h1', 'h2') },
  addresses: someOf(ADDRESSES),
  names: fc.option(
    fc.record({
      ...{ container: fc.constantFrom(...NAMES), containerId: fc.constant('c') },
      ...{ network: fc.constantFrom(...NETWORK_NAMES), names: someOf(NAMES) },
      ports: fc.constantFrom([], [{ port: 80, protocol: 'tcp' }]),
    }),
    { nil: undefined },
  ),
});
const step = fc.record({
  change: fc.dictionary(fc.constantFrom('e1', 'e2', 'e3', 'e4'), fc.option(record, { nil: undefined }), {
    maxKeys: 3,
  }),
  /** The network's name in the cluster. */
  name: fc.option(fc.constantFrom(...NETWORK_NAMES), { nil: undefined }),
  silent: fc.subarray(['h1', 'h2']),
  isAsked: fc.boolean(),
});

test('after any changes a zone answers as one that is made of what there is', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const world = new World();
      const zones = new Zones(world.sources);
      for (const { change, name, silent, isAsked } of steps) {
        world.name = name;
        world.silent.clear();
        for (const hostId of silent) world.silent.add(hostId);
        const changes = Object.entries(change).map(([id, now]) => world.put(id, now && { ...now, id }));
        zones.changed(NETWORK, changes);
        if (isAsked) expect(answersOf(zones)).toEqual(answersOf(new Zones(world.sources)));
      }
      expect(answersOf(zones)).toEqual(answersOf(new Zones(world.sources)));
    }),
    { numRuns: 200 },
  );
});

const named = (n: number): EndpointRecord => ({
  ...{ version: 1, id: `e${n}`, networkId: NETWORK, dockerNetworkId: 'd', hostId: `h${n % 9}` },
  ...{ addresses: [`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`], mac: '02:00:00:00:00:01' },
  names: { container: `web-${n}`, containerId: 'c', network: 'shop', names: [`web-${n}`, 'web'], ports: [] },
});

test('of 3,000 endpoints all are read once, whatever of them changes, and whichever host falls silent', () => {
  const world = new World();
  const zones = new Zones(world.sources);
  for (let n = 0; n < 3_000; n++) world.put(`e${n}`, named(n));
  expect(zones.find(NETWORK)?.find('web')).toHaveLength(3_000);
  for (let n = 3_000; n < 3_050; n++) {
    zones.changed(NETWORK, [world.put(`e${n}`, named(n)), world.put(`e${n - 100}`, undefined)]);
    world.silent.add(`h${n % 9}`);
    expect(zones.find(NETWORK)?.find(`web-${n}.shop`)).toMatchObject([{ alive: false }]);
    expect(zones.find(NETWORK)?.find(`web-${n - 100}`)).toEqual([]);
  }
  expect(zones.find(NETWORK)?.find('web')).toHaveLength(3_000);
  expect(world.reads).toBe(1);
});

test('a zone of other records than those that change, or of another name, is made anew', () => {
  const world = new World();
  const zones = new Zones(world.sources);
  world.put('e1', named(1));
  zones.find(NETWORK);
  const copy = { ...named(1) };
  world.put('e1', undefined);
  zones.changed(NETWORK, [{ before: copy, now: undefined }]);
  expect(zones.find(NETWORK)?.find('web')).toEqual([]);
  world.put('e2', named(2));
  zones.changed(NETWORK);
  expect(zones.find(NETWORK)?.find('web-2')).toHaveLength(1);
  world.name = 'market';
  world.subnets = ['10.0.0.0/8'];
  expect(zones.find(NETWORK)?.find('web-2.market')).toHaveLength(1);
  expect(zones.find(NETWORK)?.hasVirtual).toBe(true);
});
