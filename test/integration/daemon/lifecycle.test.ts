/** Docker's call sequences against the built daemon: kernel state read back. */
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { TestDaemon } from '../../support/daemon/daemon.js';
import { eventually } from '../../support/time/eventually.js';
import { expectInTime } from '../../support/time/in-time.js';

const NETWORK = 'a'.repeat(64);
const ENDPOINT = 'b'.repeat(64);

interface Network {
  readonly poolId: string;
  readonly subnet: string;
}

async function createNetwork(daemon: TestDaemon, options: object = {}, id = NETWORK): Promise<Network> {
  const pool = await daemon.ok('IpamDriver.RequestPool', { AddressSpace: 'xnet-local' });
  await daemon.ok('NetworkDriver.CreateNetwork', {
    NetworkID: id,
    Options: { 'com.docker.network.generic': options },
    IPv4Data: [{ AddressSpace: 'xnet-local', Pool: pool.Pool }],
  });
  return { poolId: pool.PoolID as string, subnet: pool.Pool as string };
}

async function createEndpoint(daemon: TestDaemon, { poolId }: Network, endpoint = ENDPOINT) {
  const { Address } = await daemon.ok('IpamDriver.RequestAddress', { PoolID: poolId, Options: null });
  const body = { NetworkID: NETWORK, EndpointID: endpoint, Interface: { Address } };
  const { Interface } = await daemon.ok('NetworkDriver.CreateEndpoint', body);
  return { address: Address as string, body, mac: (Interface as { MacAddress: string }).MacAddress };
}

const join = (daemon: TestDaemon, endpoint = ENDPOINT) =>
  daemon.ok('NetworkDriver.Join', {
    NetworkID: NETWORK,
    EndpointID: endpoint,
    SandboxKey: '/var/run/docker/netns/x',
  });

const links = (daemon: TestDaemon) =>
  JSON.parse(daemon.in('ip', '-j', 'link')) as {
    ifname: string;
    mtu: number;
    address: string;
  }[];

async function removeAll(daemon: TestDaemon, { poolId }: Network, address?: string): Promise<void> {
  await daemon.ok('NetworkDriver.Leave', { NetworkID: NETWORK, EndpointID: ENDPOINT });
  await daemon.ok('NetworkDriver.DeleteEndpoint', { NetworkID: NETWORK, EndpointID: ENDPOINT });
  if (address) await daemon.ok('IpamDriver.ReleaseAddress', { PoolID: poolId, Address: address });
  await daemon.ok('IpamDriver.ReleasePool', { PoolID: poolId });
  await daemon.ok('NetworkDriver.DeleteNetwork', { NetworkID: NETWORK });
}

describe('a container from start to end', () => {
  test('has its interface ready at Join, and leaves nothing behind', async () => {
    await using daemon = await TestDaemon.start();
    const network = await createNetwork(daemon);
    const { address, mac } = await createEndpoint(daemon, network);
    const { InterfaceName } = await join(daemon);
    const { SrcName, DstPrefix } = InterfaceName as { SrcName: string; DstPrefix: string };
    expect(DstPrefix).toBe('eth');
    expect(links(daemon).find(({ ifname }) => ifname === SrcName)).toMatchObject({ mtu: 1450, address: mac });
    expect(
      await daemon.ok('NetworkDriver.EndpointOperInfo', { NetworkID: NETWORK, EndpointID: ENDPOINT }),
    ).toEqual({ Value: {} });

    await removeAll(daemon, network, address);
    expect(daemon.namespaces()).toEqual([]);
    await eventually(() =>
      expect(
        links(daemon)
          .map(({ ifname }) => ifname)
          .sort(),
      ).toEqual(['eth0', 'lo', 'peer0']),
    );
    expect(daemon.in('nft', 'list', 'tables')).toBe('');
  });

  test('may be made and joined twice by the same calls', async () => {
    await using daemon = await TestDaemon.start();
    const network = await createNetwork(daemon);
    const { body, mac, address } = await createEndpoint(daemon, network);
    expect(await daemon.ok('NetworkDriver.CreateEndpoint', body)).toEqual({
      Interface: { MacAddress: mac },
    });
    expect(await join(daemon)).toEqual(await join(daemon));
    const other = await daemon.call('NetworkDriver.CreateEndpoint', {
      ...body,
      Interface: { Address: address.replace(/\d+\//, '77/') },
    });
    expect(other.json.Err).toMatch(/endpoint b{64} exists with/);
    await removeAll(daemon, network);
    await removeAll(daemon, network);
  });

  test('whose creation Docker took for failed is gone once its address is given back', async () => {
    await using daemon = await TestDaemon.start();
    const network = await createNetwork(daemon);
    const { address } = await createEndpoint(daemon, network);
    await daemon.ok('IpamDriver.ReleaseAddress', { PoolID: network.poolId, Address: address });
    await eventually(() => expect(links(daemon)).toHaveLength(3));
    const joined = await daemon.call('NetworkDriver.Join', {
      NetworkID: NETWORK,
      EndpointID: ENDPOINT,
      SandboxKey: '/x',
    });
    expect(joined.json.Err).toMatch(/knows no endpoint/);
    await removeAll(daemon, network);
  });

  test('keeps its address when a stale release of it comes again', async () => {
    await using daemon = await TestDaemon.start();
    const network = await createNetwork(daemon);
    const { address } = await createEndpoint(daemon, network);
    await join(daemon);
    await daemon.ok('IpamDriver.ReleaseAddress', { PoolID: network.poolId, Address: address });
    const taken = await daemon.call('IpamDriver.RequestAddress', {
      PoolID: network.poolId,
      Address: address,
    });
    expect(taken.json.Error).toMatch(/held by|in use/);
    await removeAll(daemon, network, address);
  });

  test('whose address is in no subnet of the network is refused', async () => {
    await using daemon = await TestDaemon.start();
    const network = await createNetwork(daemon);
    const body = { NetworkID: NETWORK, EndpointID: ENDPOINT, Interface: { Address: '10.99.0.2/24' } };
    const answer = await daemon.call('NetworkDriver.CreateEndpoint', body);
    expect(answer.json.Err).toMatch(/10\.99\.0\.2 is in no subnet of network/);
    await removeAll(daemon, network);
  });
});

describe('network options', () => {
  test('unknown ones, a VNI in use and an MTU that does not fit are refused, and nothing stays', async () => {
    await using daemon = await TestDaemon.start();
    const network = await createNetwork(daemon, { 'xnet.vni': '2000000' });
    const create = (options: object) =>
      daemon.call('NetworkDriver.CreateNetwork', {
        NetworkID: 'c'.repeat(64),
        Options: { 'com.docker.network.generic': options },
        IPv4Data: [{ AddressSpace: 'x', Pool: '10.5.0.0/24' }],
      });
    expect((await create({ 'xnet.vin': '1' })).json.Err).toMatch(/unknown option -o xnet\.vin; known are/);
    expect((await create({ 'xnet.vni': '2000000' })).json.Err).toMatch(
      /VNI 2000000 is in use by network [0-9a-f]{12}/,
    );
    expect((await create({ 'com.docker.network.driver.mtu': '1500' })).json.Err).toMatch(
      /MTU 1500 does not fit .* at most 1450/,
    );
    await removeAll(daemon, network);
  });
});

describe('the daemon', () => {
  test('takes over running endpoints after a restart', async () => {
    await using daemon = await TestDaemon.start();
    const network = await createNetwork(daemon);
    const { address } = await createEndpoint(daemon, network);
    const before = await join(daemon);
    const dump = () => daemon.in('ip', '-n', daemon.namespaces()[0] as string, '-j', 'link');
    const kernel = dump();
    await daemon.restart();
    expect(await join(daemon)).toEqual(before);
    expect(dump()).toBe(kernel);
    await removeAll(daemon, network, address);
    expect(daemon.namespaces()).toEqual([]);
  });

  test('finishes the calls in flight when it is told to stop', async () => {
    await using daemon = await TestDaemon.start();
    const network = await createNetwork(daemon);
    const { Address } = await daemon.ok('IpamDriver.RequestAddress', {
      PoolID: network.poolId,
      Options: null,
    });
    const creation = daemon.call('NetworkDriver.CreateEndpoint', {
      NetworkID: NETWORK,
      EndpointID: ENDPOINT,
      Interface: { Address },
    });
    await eventually(async () => expect(links(daemon).length).toBeGreaterThan(3));
    const code = daemon.stop();
    expect((await creation).json).toHaveProperty('Interface');
    expect(await code).toBe(0);
    await daemon.restart();
    await removeAll(daemon, network);
  });

  test('is not kept from stopping by one who follows events, who is told', async () => {
    await using daemon = await TestDaemon.start();
    const following = daemon.xnet('events', '--follow').catch((error: Error) => error.message);
    await eventually(() => {
      const { stdout } = spawnSync('ss', ['-xH', 'state', 'established', 'src', daemon.adminSocket]);
      expect(`${stdout}`).toContain(daemon.adminSocket);
    });
    const toldAt = performance.now();
    expect(await daemon.stop()).toBe(0);
    // The keeper kills a daemon that has not stopped after 30 s.
    expectInTime(performance.now() - toldAt, 25_000);
    expect(await following).toMatch(/xnet's daemon stops/);
  });

  test('replaces a stale socket and refuses a live one, which goes on unharmed', async () => {
    await using daemon = await TestDaemon.start();
    await daemon.kill();
    await daemon.restart();
    const second = spawnSync(
      process.execPath,
      [
        'bin/xnet',
        'serve',
        '--socket',
        daemon.socket,
        '--admin-socket',
        `${daemon.directory}/b.sock`,
        '--state-dir',
        `${daemon.directory}/b`,
      ],
      { encoding: 'utf8' },
    );
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(/another process listens on .*xnet\.sock; is xnet running already/);
    expect((await daemon.call('Plugin.Activate')).status).toBe(200);
  });

  test('refuses a wrong setting with exit code 2, naming key, value, source and rule', async () => {
    const wrong = spawnSync(process.execPath, ['bin/xnet', 'serve', '--vxlan-port', 'x'], {
      encoding: 'utf8',
      env: { XNET_STORE: 'redis://x' },
    });
    expect(wrong.status).toBe(2);
    expect(wrong.stderr.match(/--vxlan-port x: must be a whole number from 1 to 65535/g)).toHaveLength(1);
    expect(wrong.stderr).toMatch(/XNET_STORE=redis:\/\/x: must be "embedded"/);
  });

  test('answers at once and says why it cannot work, while the interface is missing or the store is away', async () => {
    await using daemon = await TestDaemon.start(['--interface', 'nope', '--store', 'etcd://127.0.0.1:1']);
    expect((await daemon.call('NetworkDriver.GetCapabilities')).json).toMatchObject({
      Scope: 'local',
      ConnectivityScope: 'global',
    });
    expect((await daemon.call('IpamDriver.GetDefaultAddressSpaces')).json).toMatchObject({
      LocalDefaultAddressSpace: 'xnet-local',
    });
    const started = Date.now();
    const answer = await daemon.call('IpamDriver.RequestPool', { AddressSpace: 'xnet-local' });
    expectInTime(Date.now() - started, 10_000);
    expect(answer.json.Error).toMatch(/not ready: .*nope/);
    const { text, code } = daemon.status();
    expect(code).toBe(1);
    expect(text).toMatch(/PROBLEM .*nope/);
    expect(text).toMatch(/PROBLEM .*127\.0\.0\.1:1/);
  });

  test('logs networks that come and go, and not what Docker asks by the way', async () => {
    const messages = async (level: readonly string[]) => {
      await using daemon = await TestDaemon.start(level);
      const space = { AddressSpace: 'xnet-local' };
      await daemon.call('IpamDriver.GetDefaultAddressSpaces');
      await daemon.call('NetworkDriver.GwAllocCheck', { Options: {} });
      const { PoolID, Pool } = (await daemon.call('IpamDriver.RequestPool', space)).json;
      const NetworkID = 'a'.repeat(64);
      const network = { NetworkID, Options: {}, IPv4Data: [{ ...space, Pool }], IPv6Data: [] };
      expect((await daemon.call('NetworkDriver.CreateNetwork', network)).json).toEqual({});
      expect((await daemon.call('NetworkDriver.DeleteNetwork', { NetworkID })).json).toEqual({});
      expect((await daemon.call('IpamDriver.ReleasePool', { PoolID })).json).toEqual({});
      // A slow call is logged whatever it is.
      const calls = (await daemon.log()).filter(
        ({ message, ms }) => /^\w+\.\w+$/.test(message) && Number(ms) < 1000,
      );
      return [...new Set(calls.map(({ message }) => message))];
    };
    expect(await messages([])).toEqual(['NetworkDriver.CreateNetwork', 'NetworkDriver.DeleteNetwork']);
    expect(await messages(['--log-level', 'debug'])).toEqual(
      expect.arrayContaining(['Plugin.Activate', 'IpamDriver.RequestPool', 'NetworkDriver.CreateNetwork']),
    );
  });

  test('writes nothing but log lines when it starts', async () => {
    await using daemon = await TestDaemon.start(['--store', 'etcd://127.0.0.1:1']);
    const lines = (await readFile(`${daemon.directory}/log`, 'utf8')).split('\n').filter(Boolean);
    expect(lines.filter((line) => !line.startsWith('{'))).toEqual([]);
  });

  test('shows its status as text to those who have no xnet at hand', async () => {
    await using daemon = await TestDaemon.start(['--interface', 'nope']);
    const curl = ['curl', '-sS', '--unix-socket', daemon.adminSocket, 'http://xnet/v1/status.txt'];
    expect(daemon.in(...curl)).toMatch(/^host .*\nunderlay [\s\S]*^PROBLEM .*nope/m);
  });

  test('never logs a password', async () => {
    await using daemon = await TestDaemon.start([
      '--store',
      'etcd://127.0.0.1:1',
      '--etcd-user',
      'u',
      '--etcd-password',
      'sesame',
      '--log-level',
      'debug',
    ]);
    await daemon.call('IpamDriver.RequestPool', { AddressSpace: 'xnet-local' });
    expect(JSON.stringify(await daemon.log())).not.toContain('sesame');
  });
});
