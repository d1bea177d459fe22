/** What is read of the kernel for `xnet trace`: it is right, and reading changes nothing. */
import { expect, test } from '@jest/globals';
import { inspectGateway } from '../../../src/dataplane/inspect/gateway.js';
import { inspectUnderlay } from '../../../src/dataplane/inspect/underlay.js';
import { Netns } from '../../support/kernel/netns.js';

async function link(netns: Netns, name: string, address: string): Promise<void> {
  await netns.ip(`link add ${name} type veth peer name p-${name}`);
  await netns.ip(`addr add ${address} dev ${name}`);
  for (const each of [name, `p-${name}`]) await netns.ip(`link set ${each} up`);
}

test('the reverse path check is that of the interface with the VTEP', async () => {
  await using host = await Netns.create('host');
  await link(host, 'eth0', '10.9.0.1/24');
  await link(host, 'eth1', '10.10.0.1/24');
  await host.ip('route add 10.9.0.2/32 dev eth1');
  await host.exec('sysctl', '-q', '-w', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.eth0.rp_filter=1');
  await host.exec('sysctl', '-q', '-w', 'net.ipv4.conf.eth1.rp_filter=0');
  const facts = await inspectUnderlay(host.name, 4789, { vtep: '10.9.0.1', peerVtep: '10.9.0.2', vni: 7 });
  expect(facts).toMatchObject({ interface: { name: 'eth0' }, way: { device: 'eth1' }, reversePath: 1 });
}, 30_000);

test('no table of iptables is made where there was none', async () => {
  await using host = await Netns.create('host');
  await link(host, 'eth0', '10.9.0.1/24');
  await inspectGateway(host.name, '172.18.0.2', '192.0.2.1');
  expect(await host.exec('cat', '/proc/net/ip_tables_names')).toBe('');
  expect(await host.exec('nft', 'list', 'ruleset')).toBe('');
}, 30_000);
