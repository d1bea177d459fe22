/** What is much is set in steps, and between two of them every address has its way. */
import { expect, test } from '@jest/globals';
import { type TestHost, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { ROUTED } from '../../support/kernel/routed-pair.js';

const MOST = 1_500;
const addressOf = (i: number) => `10.1.${Math.floor(i / 250)}.${(i % 250) + 1}`;

test('a host with many endpoints becomes direct step by step, and no endpoint is without a way meanwhile', async () => {
  await using underlay = await TestUnderlay.create(1);
  const [host] = underlay.hosts as [TestHost];
  const network = underlay.network(host, 'shop', ROUTED);
  await host.dataplane.ensureNetwork(network);
  const mac = '02:00:00:00:01:10';
  const remotes = (isDirect: boolean) =>
    new Map(
      Array.from({ length: MOST }, (_, i) => [
        `endpoint ${i}`,
        {
          ...{ mac: '02:00:00:00:00:01', addresses: [addressOf(i)], since: i },
          ...{ vtep: '10.99.1.1', segmentMac: mac, ...(isDirect && { direct: { mac } }) },
        },
      ]),
    );
  const set = (isDirect: boolean, changed: Iterable<string>) =>
    host.dataplane.setForwarding(network.id, remotes(isDirect), new Set(changed));
  const withoutWay = async () => {
    const text = await host.netns.exec('nft', 'list', 'table', 'netdev', `xnet-${network.id}`);
    const known = new Set(
      [...text.matchAll(/map (?:direct|tunnel)4 \{[^}]*elements = \{([^}]*)\}/g)].flatMap(
        ([, elements = '']) => elements.split(',').map((each) => each.trim().split(' : ')[0]),
      ),
    );
    return Array.from({ length: MOST }, (_, i) => addressOf(i)).filter((address) => !known.has(address));
  };
  let { left } = await host.dataplane.setForwarding(network.id, remotes(false));
  while (left > 0) ({ left } = await set(false, []));
  expect(await withoutWay()).toEqual([]);
  for (const isDirect of [true, false]) {
    let steps = 1;
    ({ left } = await set(isDirect, remotes(isDirect).keys()));
    for (; left > 0; steps++) {
      expect((await withoutWay()).length).toBe(0);
      ({ left } = await set(isDirect, []));
    }
    expect(steps).toBeGreaterThan(1);
  }
}, 60_000);
