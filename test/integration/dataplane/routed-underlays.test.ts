/** Routed networks on underlay interfaces that are no plain Ethernet. */
import { expect, test } from '@jest/globals';
import { LinuxDataplane } from '../../../src/dataplane/linux-dataplane.js';
import type { Netns } from '../../support/kernel/netns.js';
import { type TestHost, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { connectBy, ROUTED } from '../../support/kernel/routed-pair.js';
import { TunLink } from '../../support/kernel/tun-link.js';

test('an interface without link headers carries the tunnel', async () => {
  await using link = await TunLink.create();
  await using near = new LinuxDataplane({ hostNamespace: link.near.name, underlay: '10.78.0.1' });
  await using far = new LinuxDataplane({ hostNamespace: link.far.name, underlay: '10.78.0.2' });
  await using underlay = await TestUnderlay.create(0);
  const start = async (netns: Netns, dataplane: LinuxDataplane, n: number) => {
    const host: TestHost = { netns, dataplane, vtep: `10.78.0.${n}` };
    const mtu = dataplane.containerMtu(await dataplane.findUnderlay(), ROUTED.mode);
    return underlay.container(host, underlay.network(host, 'shop', { ...ROUTED, mtu }), [`10.1.0.${n}/24`]);
  };
  const first = await start(link.near, near, 1);
  const second = await start(link.far, far, 2);
  await connectBy('tunnel', [first, second]);
  expect(await first.netns.reaches('10.1.0.2')).toBe(true);
});

test('the VTEP may be an address of lo, whose MTU is larger than any packet', async () => {
  await using underlay = await TestUnderlay.create(2);
  const vtepOf = (n: number) => `10.200.0.${n}`;
  const hosts = underlay.hosts.map(({ netns }, i) => {
    const vtep = vtepOf(i + 1);
    return { netns, vtep, dataplane: new LinuxDataplane({ hostNamespace: netns.name, underlay: vtep }) };
  });
  const [a, b] = hosts as [TestHost, TestHost];
  await using _first = a.dataplane;
  await using _second = b.dataplane;
  for (const [i, { netns, vtep }] of hosts.entries()) {
    await netns.ip(`addr add ${vtep}/32 dev lo`);
    await netns.ip(`route add ${vtepOf(2 - i)}/32 via 10.99.0.${2 - i}`);
  }
  const start = async (host: TestHost, n: number) => {
    const mtu = host.dataplane.containerMtu(await host.dataplane.findUnderlay(), ROUTED.mode);
    return underlay.container(host, underlay.network(host, 'shop', { ...ROUTED, mtu }), [`10.1.0.${n}/24`]);
  };
  const containers = [await start(a, 1), await start(b, 2)];
  await connectBy('tunnel', containers);
  expect(await containers[0]!.netns.reaches('10.1.0.2', 5, ['-s', '20000'])).toBe(true);
  // Here, since their dataplanes end before the underlay does.
  for (const { host, network } of containers) await host.dataplane.removeNetwork(network.id);
});
