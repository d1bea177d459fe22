/**
 * Docker asks for an auxiliary address (--aux-address) as it does for a container's (--ip), but for Docker 29 and
 * later, which name the container: what tells them apart is whether the network is being created.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { TestDaemon } from '../../support/daemon/daemon.js';
import { ListingDocker } from '../../support/fake-docker/listing-docker.js';
import { eventually, SETTLE_MS } from '../../support/time/eventually.js';

const SUBNET = '10.5.0.0/24';
const PRINTER = '10.5.0.9';

async function requestPool(daemon: TestDaemon): Promise<string> {
  const { json } = await daemon.call('IpamDriver.RequestPool', { AddressSpace: 'xnet-local', Pool: SUBNET });
  return json.PoolID as string;
}

const requestAddress = async (daemon: TestDaemon, PoolID: string, Address: string) =>
  (await daemon.call('IpamDriver.RequestAddress', { PoolID, Address, Options: null })).json;

const createNetwork = async (daemon: TestDaemon) =>
  (
    await daemon.call('NetworkDriver.CreateNetwork', {
      NetworkID: 'a'.repeat(64),
      Options: {},
      IPv4Data: [{ AddressSpace: 'xnet-local', Pool: SUBNET }],
    })
  ).json;

const granted = (address: string) => ({ Address: `${address}/24`, Data: {} });

/** It is given, and again for another network with the same --aux-address, as on another host. */
async function expectSetAside(daemon: TestDaemon, pool: string, address: string): Promise<void> {
  expect(await requestAddress(daemon, pool, address)).toEqual(granted(address));
  const other = await requestPool(daemon);
  expect(await requestAddress(daemon, other, address)).toEqual(granted(address));
  await daemon.call('IpamDriver.ReleasePool', { PoolID: other });
}

/** It is given, and refused to everybody else. */
async function expectAContainers(daemon: TestDaemon, pool: string, address: string): Promise<void> {
  expect(await requestAddress(daemon, pool, address)).toEqual(granted(address));
  const other = await requestPool(daemon);
  expect((await requestAddress(daemon, other, address)).Error).toMatch(/held by a container/);
  await daemon.call('IpamDriver.ReleasePool', { PoolID: other });
}

/**
 * Refused when it is asked for once more. Asks for no other pool: of two networks that are being created with one
 * subnet, the later one would be taken for the one that is there.
 */
async function expectGivenOnce(daemon: TestDaemon, pool: string, address: string): Promise<void> {
  await requestAddress(daemon, pool, address);
  expect((await requestAddress(daemon, pool, address)).Error).toMatch(/held by a container/);
}

describe('an address asked for without a name', () => {
  test('is an auxiliary one until the network is there, however long Docker takes, and then a container’s', async () => {
    await using daemon = await TestDaemon.start();
    const pool = await requestPool(daemon);
    await pause(300);
    await expectSetAside(daemon, pool, PRINTER);
    expect(await createNetwork(daemon)).toEqual({});
    await expectAContainers(daemon, pool, '10.5.0.20');
  });

  test('is an auxiliary one also when the daemon was killed after it answered for the pool', async () => {
    await using docker = await ListingDocker.start();
    await using daemon = await docker.startDaemon();
    const pool = await requestPool(daemon);
    daemon.crash();
    await expectSetAside(daemon, pool, PRINTER);
    expect(await createNetwork(daemon)).toEqual({});
    await expectAContainers(daemon, pool, '10.5.0.20');
  });

  test('is a container’s once Docker has a network of another driver with the pool, also after a restart', async () => {
    await using docker = await ListingDocker.start();
    await using daemon = await docker.startDaemon();
    const pool = await requestPool(daemon);
    await expectSetAside(daemon, pool, PRINTER);
    docker.addMacvlan(SUBNET);
    let last = 30;
    await eventually(() => expectGivenOnce(daemon, pool, `10.5.0.${last++}`), SETTLE_MS, 100);
    await expectAContainers(daemon, pool, '10.5.0.20');
    daemon.crash();
    await expectAContainers(daemon, pool, '10.5.0.10');
  });
});
