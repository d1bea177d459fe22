/** What the kernel refuses is said, holds up nothing else, and is done when the kernel takes it. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { TestDaemon } from '../../support/daemon/daemon.js';
import { eventually } from '../../support/time/eventually.js';

const NETWORK = 'a'.repeat(64);
const ENDPOINT = { NetworkID: NETWORK, EndpointID: 'b'.repeat(64) };
const JOIN = { ...ENDPOINT, SandboxKey: '/var/run/docker/netns/x' };
const VNI = 1234567;
/** Less than the pause until a filter that was refused is set again. */
const NO_ECHO_MS = 300;

/** Resolves to its PoolID. */
async function createNetwork(daemon: TestDaemon, NetworkID: string, options: object = {}): Promise<string> {
  const { Pool, PoolID } = await daemon.ok('IpamDriver.RequestPool', { AddressSpace: 'xnet-local' });
  await daemon.ok('NetworkDriver.CreateNetwork', {
    NetworkID,
    Options: { 'com.docker.network.generic': options },
    IPv4Data: [{ AddressSpace: 'xnet-local', Pool }],
  });
  return PoolID as string;
}

test('a VNI that a foreign device has: the rest of the host works, and the network too when the device is gone', async () => {
  await using daemon = await TestDaemon.start();
  const PoolID = await createNetwork(daemon, NETWORK, { 'xnet.vni': `${VNI}` });
  const { Address } = await daemon.ok('IpamDriver.RequestAddress', { PoolID, Options: null });
  await daemon.ok('NetworkDriver.CreateEndpoint', { ...ENDPOINT, Interface: { Address } });
  await daemon.kill();
  daemon.in('ip', 'netns', 'del', daemon.namespaces()[0] as string);
  const device = ['foreign', 'type', 'vxlan', 'id', `${VNI}`, 'dstport', '4789', 'local', '198.18.250.1'];
  // The kernel deletes the old device some time after its namespace.
  await eventually(() => daemon.in('ip', 'link', 'add', ...device));

  await daemon.restart();
  await daemon.ok('IpamDriver.RequestPool', { AddressSpace: 'xnet-local' });
  const reason = new RegExp(`another VXLAN device of this host has VNI ${VNI}`);
  await eventually(() => expect(daemon.status().text).toMatch(reason), 10_000);
  expect((await daemon.call('NetworkDriver.Join', JOIN)).json.Err).toMatch(reason);

  daemon.in('ip', 'link', 'del', 'foreign');
  await eventually(() => expect(daemon.status().text).not.toMatch(reason), 10_000);
  await daemon.ok('NetworkDriver.Join', JOIN);
}, 90_000);

/** Whether the kernel takes packets of the network from known VTEPs alone. */
const isFiltered = (daemon: TestDaemon) => daemon.in('nft', 'list', 'ruleset').includes('goto from_peers');

test('a tunnel filter that nft refused once is set soon after', async () => {
  await using daemon = await TestDaemon.start();
  await createNetwork(daemon, NETWORK);
  await eventually(() => expect(isFiltered(daemon)).toBe(true));
  const unfit = 'add table inet xnet; add set inet xnet vteps4 { type inet_service; }';
  daemon.in('nft', `delete table inet xnet; ${unfit}`);
  await createNetwork(daemon, 'c'.repeat(64));
  await eventually(async () =>
    expect((await daemon.log()).map(({ message }) => message)).toContain('cannot set the tunnel filter'),
  );
  // Now the kernel's word of it is no echo of xnet's own change: it is looked at before it is set once more.
  await pause(NO_ECHO_MS);
  daemon.in('nft', 'delete table inet xnet');
  await eventually(() => expect(isFiltered(daemon)).toBe(true), 10_000);
}, 60_000);

test('a tunnel filter that somebody flushed comes back', async () => {
  await using daemon = await TestDaemon.start();
  await createNetwork(daemon, NETWORK);
  await eventually(() => expect(isFiltered(daemon)).toBe(true));
  const flushed = tableHandle(daemon);
  daemon.in('nft', 'flush', 'ruleset');
  await eventually(() => {
    expect(isFiltered(daemon)).toBe(true);
    expect(tableHandle(daemon)).not.toBe(flushed);
  }, 40_000);
}, 90_000);

/** What the kernel calls xnet's table, and no later one: an event's repair is sooner done than another look. */
function tableHandle(daemon: TestDaemon): string {
  return /^table inet xnet .*# handle \d+$/m.exec(daemon.in('nft', '-a', 'list', 'ruleset'))?.[0] as string;
}
