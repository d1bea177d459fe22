/** What the kernel refuses is said, holds up nothing else, and is done when the kernel takes it. */
import { expect, test } from '@jest/globals';
import { TestDaemon } from '../../support/daemon.js';
import { eventually } from '../../support/eventually.js';

const NETWORK = 'a'.repeat(64);

async function ok(daemon: TestDaemon, method: string, body: object): Promise<Record<string, unknown>> {
  const { status, json } = await daemon.call(method, body);
  expect({ method, status, failure: json.Err ?? json.Error }).toEqual({ method, status: 200 });
  return json;
}

async function createNetwork(daemon: TestDaemon, NetworkID: string): Promise<void> {
  const { Pool } = await ok(daemon, 'IpamDriver.RequestPool', { AddressSpace: 'xnet-local' });
  await ok(daemon, 'NetworkDriver.CreateNetwork', {
    NetworkID,
    IPv4Data: [{ AddressSpace: 'xnet-local', Pool }],
  });
}

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
  daemon.in('nft', 'delete table inet xnet');
  await eventually(() => expect(isFiltered(daemon)).toBe(true), 10_000);
}, 60_000);

test('a tunnel filter that somebody flushed comes back', async () => {
  await using daemon = await TestDaemon.start();
  await createNetwork(daemon, NETWORK);
  await eventually(() => expect(isFiltered(daemon)).toBe(true));
  daemon.in('nft', 'flush', 'ruleset');
  expect(isFiltered(daemon)).toBe(false);
  await eventually(() => expect(isFiltered(daemon)).toBe(true), 40_000, 500);
}, 90_000);
