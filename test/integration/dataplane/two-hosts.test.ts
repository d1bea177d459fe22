/** What containers of one network on two hosts can and cannot do to each other. */
import { describe, expect, test } from '@jest/globals';
import { TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { run } from '../../support/programs/command.js';

async function twoContainers(underlay: TestUnderlay, family: 4 | 6 = 4) {
  const [a, b] = underlay.hosts as [(typeof underlay.hosts)[0], (typeof underlay.hosts)[0]];
  const address = (n: number) => (family === 4 ? `10.1.0.${n}/24` : `fd01::${n}/64`);
  const first = await underlay.container(a, underlay.network(a, 'shop'), [address(2)]);
  const second = await underlay.container(b, underlay.network(b, 'shop'), [address(3)]);
  await underlay.connect([first, second]);
  return { first, second };
}

describe.each([
  { underlayFamily: 4, family: 4, overhead: 50 },
  { underlayFamily: 4, family: 6, overhead: 50 },
  { underlayFamily: 6, family: 4, overhead: 70 },
  { underlayFamily: 6, family: 6, overhead: 70 },
] as const)(
  'IPv$family containers over an IPv$underlayFamily underlay',
  ({ underlayFamily, family, overhead }) => {
    test('reach each other from both sides', async () => {
      await using underlay = await TestUnderlay.create(2, { family: underlayFamily });
      const { first, second } = await twoContainers(underlay, family);
      expect(await first.netns.reaches(second.addresses[0]!)).toBe(true);
      expect(await second.netns.reaches(first.addresses[0]!)).toBe(true);
    });

    test('pass a packet of full MTU with DF whole, and not one byte more', async () => {
      await using underlay = await TestUnderlay.create(2, { family: underlayFamily });
      const { first, second } = await twoContainers(underlay, family);
      const payload = 1500 - overhead - (family === 4 ? 28 : 48);
      const passes = (bytes: number, seconds: number) =>
        first.netns.reaches(second.addresses[0]!, seconds, ['-M', 'do', '-s', String(bytes)]);
      expect(await passes(payload, 5)).toBe(true);
      expect(await passes(payload + 1, 1)).toBe(false);
    });
  },
);

test('a container with IPv4 and IPv6 addresses is reached by both', async () => {
  await using underlay = await TestUnderlay.create(2);
  const [a, b] = underlay.hosts;
  const first = await underlay.container(a!, underlay.network(a!, 'shop'), ['10.1.0.2/24', 'fd01::2/64']);
  const second = await underlay.container(b!, underlay.network(b!, 'shop'), ['10.1.0.3/24', 'fd01::3/64']);
  await underlay.connect([first, second]);
  for (const address of second.addresses) expect(await first.netns.reaches(address)).toBe(true);
});

test('containers of one host in one network reach each other without any forwarding entry', async () => {
  await using underlay = await TestUnderlay.create(1);
  const host = underlay.hosts[0]!;
  const network = underlay.network(host, 'shop');
  const first = await underlay.container(host, network, ['10.1.0.2/24']);
  const second = await underlay.container(host, network, ['10.1.0.3/24']);
  expect(await first.netns.reaches(second.addresses[0]!)).toBe(true);
});

test('containers with the least MTU that may be asked for, which is too small for IPv6, reach each other', async () => {
  await using underlay = await TestUnderlay.create(2);
  const [a, b] = underlay.hosts;
  const small = { mtu: 576 };
  const first = await underlay.container(a!, underlay.network(a!, 'shop', small), ['10.1.0.2/24']);
  const second = await underlay.container(b!, underlay.network(b!, 'shop', small), ['10.1.0.3/24']);
  await underlay.connect([first, second]);
  expect(await first.netns.reaches('10.1.0.3', 5, ['-M', 'do', '-s', '548'])).toBe(true);
});

test('a network whose MTU was too small for IPv6 for a while takes containers again, and makes itself no address', async () => {
  await using underlay = await TestUnderlay.create(2);
  const [a, b] = underlay.hosts;
  for (const mtu of [1_450, 1_250, 1_450])
    await a!.dataplane.ensureNetwork(underlay.network(a!, 'shop', { mtu }));
  const network = underlay.network(a!, 'shop', { mtu: 1_450 });
  const first = await underlay.container(a!, network, ['10.1.0.2/24']);
  const second = await underlay.container(b!, underlay.network(b!, 'shop', { mtu: 1_450 }), ['10.1.0.3/24']);
  await underlay.connect([first, second]);
  expect(await first.netns.reaches('10.1.0.3', 5, ['-M', 'do', '-s', '1422'])).toBe(true);
  expect(await run(['ip', '-n', `xnet-${network.id}`, '-6', 'addr', 'show', 'scope', 'link'])).toBe('');
});

test('two networks with the same subnet and the same addresses do not see each other', async () => {
  await using underlay = await TestUnderlay.create(2);
  const [a, b] = underlay.hosts;
  const shop = await underlay.container(a!, underlay.network(a!, 'shop'), ['10.1.0.2/24']);
  const shopOther = await underlay.container(b!, underlay.network(b!, 'shop'), ['10.1.0.3/24']);
  const bank = await underlay.container(a!, underlay.network(a!, 'bank'), ['10.1.0.2/24']);
  const bankOther = await underlay.container(b!, underlay.network(b!, 'bank'), ['10.1.0.4/24']);
  await underlay.connect([shop, shopOther, bank, bankOther]);
  expect(await shop.netns.reaches('10.1.0.3')).toBe(true);
  expect(await bank.netns.reaches('10.1.0.4')).toBe(true);
  expect(await shop.netns.reaches('10.1.0.4', 1)).toBe(false);
  expect(await bank.netns.reaches('10.1.0.3', 1)).toBe(false);
});

test('an address that moves to another host is reached there after one change of forwarding', async () => {
  await using underlay = await TestUnderlay.create(3);
  const [a, b, c] = underlay.hosts;
  const client = await underlay.container(a!, underlay.network(a!, 'shop'), ['10.1.0.2/24']);
  const before = await underlay.container(b!, underlay.network(b!, 'shop'), ['10.1.0.3/24']);
  await underlay.connect([client, before]);
  expect(await client.netns.reaches('10.1.0.3')).toBe(true);

  await before.host.dataplane.removeEndpoint(before.network.id, before.endpoint.id);
  const after = await underlay.container(c!, underlay.network(c!, 'shop'), ['10.1.0.3/24']);
  await underlay.connect([client, after]);
  expect(await client.netns.reaches('10.1.0.3')).toBe(true);
});

test('an address that moves to this host and away again is reached at each place', async () => {
  await using underlay = await TestUnderlay.create(2);
  const [a, b] = underlay.hosts;
  const client = await underlay.container(a!, underlay.network(a!, 'shop'), ['10.1.0.2/24']);
  const there = await underlay.container(b!, underlay.network(b!, 'shop'), ['10.1.0.3/24']);
  await underlay.connect([client, there]);
  await b!.dataplane.removeEndpoint(there.network.id, there.endpoint.id);

  const here = await underlay.container(a!, client.network, ['10.1.0.3/24']);
  expect(await client.netns.reaches('10.1.0.3')).toBe(true);
  await underlay.connect([client, here]);
  expect(await client.netns.reaches('10.1.0.3')).toBe(true);

  const back = await underlay.container(b!, there.network, ['10.1.0.3/24']);
  await underlay.connect([client, back]);
  await a!.dataplane.removeEndpoint(here.network.id, here.endpoint.id);
  expect(await client.netns.reaches('10.1.0.3')).toBe(true);
});
