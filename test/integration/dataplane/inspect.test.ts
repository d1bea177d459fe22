/** What is read of the kernel for `xnet trace`: it is right, and reading changes nothing. */
import { expect, test } from '@jest/globals';
import { inspectGateway } from '../../../src/dataplane/inspect/gateway.js';
import { readListeners } from '../../../src/dataplane/inspect/listeners.js';
import { inspectUnderlay } from '../../../src/dataplane/inspect/underlay.js';
import { Netns } from '../../support/kernel/netns.js';
import { eventually } from '../../support/time/eventually.js';

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
  // There is no such file where no table has ever been made.
  expect(await host.exec('sh', '-c', 'cat /proc/net/ip_tables_names 2>&- || :')).toBe('');
  expect(await host.exec('nft', 'list', 'ruleset')).toBe('');
}, 30_000);

test('the sockets that wait are those of the namespace', async () => {
  await using container = await Netns.create('container');
  const path = `/run/netns/${container.name}`;
  expect(await readListeners(path)).toEqual([]);
  await link(container, 'eth0', '10.9.0.1/24');
  container.start('socat', 'TCP-LISTEN:8080,fork,bind=10.9.0.1', 'EXEC:cat');
  container.start('socat', 'UDP6-RECV:5353', 'EXEC:cat');
  await eventually(async () =>
    expect(await readListeners(path)).toEqual([
      { protocol: 'tcp', address: '10.9.0.1', port: 8080 },
      { protocol: 'udp', address: '::', port: 5353 },
    ]),
  );
  await expect(readListeners('/run/netns/t-there-is-none')).rejects.toThrow(/no network namespace is at/);
}, 30_000);
