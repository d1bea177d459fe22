/**
 * Docker asks for an auxiliary address (--aux-address) as it does for a container's (--ip), but for Docker 29 and
 * later, which name the container: what tells them apart is whether the network is being created.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { TestDaemon } from '../../support/daemon.js';
import { eventually } from '../../support/eventually.js';

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

/** A Docker that says what networks it has, and tells of new ones. */
class ListingDocker implements AsyncDisposable {
  readonly #networks: { Id: string; Name: string; Driver: string }[] = [];
  readonly #listeners = new Set<ServerResponse>();
  readonly #server = createServer((request, response) => this.#answer(request.url ?? '', response));

  private constructor(private readonly directory: string) {}

  static async start(): Promise<ListingDocker> {
    const docker = new ListingDocker(await mkdtemp(join(tmpdir(), 'xnet-docker-')));
    await new Promise<void>((resolve) => docker.#server.listen(join(docker.directory, 'sock'), resolve));
    return docker;
  }

  startDaemon(): Promise<TestDaemon> {
    return TestDaemon.start(['--docker-host', `unix://${this.directory}/sock`]);
  }

  addMacvlan(): void {
    const ipam = { Driver: 'xnet', Options: {}, Config: [{ Subnet: SUBNET }] };
    const network = { Id: 'd'.repeat(64), Name: 'lan', Driver: 'macvlan', Scope: 'local', IPAM: ipam };
    this.#networks.push(network);
    const Actor = { ID: network.Id, Attributes: { name: 'lan', type: 'macvlan' } };
    const event = `${JSON.stringify({ Type: 'network', Action: 'create', Actor })}\n`;
    for (const response of this.#listeners) response.write(event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await rm(this.directory, { recursive: true });
  }

  #answer(url: string, response: ServerResponse): void {
    response.setHeader('Content-Type', 'application/json');
    if (url.includes('/events')) {
      response.write('\n');
      this.#listeners.add(response);
    } else if (url.includes('/version')) response.end('{"Version":"stand-in","ApiVersion":"1.51"}');
    else if (url.includes('/networks')) response.end(JSON.stringify(this.#networks));
    else response.end('[]');
  }
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
    docker.addMacvlan();
    let last = 20;
    await eventually(() => expectAContainers(daemon, pool, `10.5.0.${last++}`));
    daemon.crash();
    await expectAContainers(daemon, pool, '10.5.0.10');
  });
});
