/** Whatever comes over the socket: a clear answer, nothing changed, and the daemon lives. */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { TestDaemon } from '../../support/daemon/daemon.js';

const NETWORK = 'a'.repeat(64);
const ENDPOINT = 'b'.repeat(64);
const SPACE = 'xnet-local';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start();
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});
/** Nothing came into the namespace, and the daemon still answers. */
afterEach(async () => {
  expect(daemon.running).toBe(true);
  expect((await daemon.call('Plugin.Activate')).json).toEqual({
    Implements: ['NetworkDriver', 'IpamDriver'],
  });
  const links = execFileSync('ip', ['-n', daemon.namespace, '-o', 'link']).toString();
  expect(links.trim().split('\n')).toHaveLength(3);
});

/** As Docker does with its own IPAM. */
async function createNetwork(NetworkID: string, Pool: string, reserved: object = {}): Promise<void> {
  const IPv4Data = [{ AddressSpace: 'LocalDefault', Pool, ...reserved }];
  expect((await daemon.call('NetworkDriver.CreateNetwork', { NetworkID, IPv4Data })).json).toEqual({});
}

describe('the plugin socket', () => {
  test("is root's alone", () => {
    expect(statSync(daemon.socket).mode & 0o777).toBe(0o600);
    expect(statSync(daemon.adminSocket).mode & 0o777).toBe(0o600);
  });

  test('takes any content type', async () => {
    const answer = await daemon.call(
      'NetworkDriver.Leave',
      { NetworkID: 'x', EndpointID: 'y' },
      { 'Content-Type': 'text/html' },
    );
    expect(answer).toMatchObject({ status: 200, json: {} });
  });

  test.each(['NetworkDriver.Nope', 'IpamDriver.', 'x', '../NetworkDriver.Join'])(
    'answers 404 in JSON to %s',
    async (method) => {
      const answer = await daemon.call(method, {});
      expect(answer.status).toBe(404);
      expect(answer.json.Err).toMatch(/xnet has no method POST/);
    },
  );
});

test("a subnet of xnet's own choice is clear of the underlay's addresses", async () => {
  await using other = await TestDaemon.start(['--default-pools', '198.18.250.0/29:30']);
  const request = async () => (await other.call('IpamDriver.RequestPool', { AddressSpace: SPACE })).json;
  expect((await request()).Pool).toBe('198.18.250.4/30');
  expect((await request()).Error).toMatch(/no free subnet is left/);
});

describe('a request that cannot be read is answered with 400 and the reason', () => {
  test.each([
    ['malformed JSON', '{"NetworkID": ', /not JSON/],
    ['a list', '[]', /expected object/],
    ['null', 'null', /expected object/],
    ['a number as id', '{"NetworkID": 5, "EndpointID": "b"}', /NetworkID: /],
    ['no id', '{"NetworkID": "a"}', /EndpointID: /],
    ['an id with /', { NetworkID: 'a/b', EndpointID: 'b' }, /NetworkID: must be 1 to 128/],
    ['an id with ..', { NetworkID: '..', EndpointID: 'b' }, /NetworkID: must be/],
    ['an id with shell characters', { NetworkID: '$(reboot)', EndpointID: ';ls|' }, /EndpointID: must be/],
    ['an id of 10 kB', { NetworkID: 'a'.repeat(10_000), EndpointID: 'b' }, /NetworkID: must be/],
    ['an empty id', { NetworkID: '', EndpointID: 'b' }, /NetworkID: must be/],
    ['an id of zero bytes', { NetworkID: '\u0000', EndpointID: 'b' }, /NetworkID: must be/],
  ])('%s', async (_title, body, reason) => {
    const answer = await daemon.call('NetworkDriver.DeleteEndpoint', body as string);
    expect(answer.status).toBe(400);
    expect(answer.json.Err).toMatch(reason);
  });

  test('wrong types within', async () => {
    const answers = await Promise.all([
      daemon.call('NetworkDriver.CreateNetwork', { NetworkID: 'a', Options: 7, IPv4Data: [] }),
      daemon.call('NetworkDriver.CreateNetwork', { NetworkID: 'a', IPv4Data: [{ Pool: 3 }] }),
      daemon.call('IpamDriver.RequestPool', { AddressSpace: SPACE, V6: 'yes' }),
      daemon.call('IpamDriver.RequestAddress', { PoolID: {} }),
      daemon.call('NetworkDriver.Join', { NetworkID: 'a', EndpointID: 'b', SandboxKey: 5 }),
    ]);
    for (const answer of answers) expect(answer.status).toBe(400);
  });

  test('a body of 10 MB', async () => {
    const outcome = await daemon.call('NetworkDriver.CreateNetwork', Buffer.alloc(10_000_000, 'x')).then(
      ({ status, json }) => `${status} ${json.Err}`,
      // The connection may break before the answer is read: the rest of the body is not taken. (Node's own errors are
      // no `instanceof Error` under Jest.)
      (error: NodeJS.ErrnoException) => error.code,
    );
    expect(outcome).toMatch(/^(413 .*too large.*|EPIPE|ECONNRESET)$/);
  });

  test('something that is not HTTP', async () => {
    const socket = connect(daemon.socket);
    socket.end('\x16\x03\x01 hello\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve).resume());
  });
});

describe('a known failure is answered with 200 and the key of the driver', () => {
  test('an empty body, as Docker repeats broken calls', async () => {
    const [driver, ipam] = [
      await daemon.call('NetworkDriver.CreateEndpoint'),
      await daemon.call('IpamDriver.RequestPool'),
    ];
    expect(driver).toMatchObject({
      status: 200,
      json: { Err: expect.stringMatching(/empty NetworkDriver.CreateEndpoint request/) },
    });
    expect(ipam).toMatchObject({
      status: 200,
      json: { Error: expect.stringMatching(/empty IpamDriver.RequestPool request/) },
    });
  });

  test('unknown networks and endpoints', async () => {
    const create = await daemon.call('NetworkDriver.CreateEndpoint', {
      NetworkID: NETWORK,
      EndpointID: ENDPOINT,
      Interface: { Address: '10.1.0.2/24' },
    });
    const join = await daemon.call('NetworkDriver.Join', {
      NetworkID: NETWORK,
      EndpointID: ENDPOINT,
      SandboxKey: '/x',
    });
    for (const { status, json } of [create, join]) {
      expect(status).toBe(200);
      expect(json.Err).toMatch(/knows no Docker network a{64}; remove it .* and create it again/);
    }
  });

  test('removing what is not there is success', async () => {
    const answers = await Promise.all([
      daemon.call('NetworkDriver.DeleteNetwork', { NetworkID: NETWORK }),
      daemon.call('NetworkDriver.DeleteEndpoint', { NetworkID: NETWORK, EndpointID: ENDPOINT }),
      daemon.call('NetworkDriver.Leave', { NetworkID: NETWORK, EndpointID: ENDPOINT }),
    ]);
    for (const answer of answers) expect(answer).toMatchObject({ status: 200, json: {} });
  });

  test('AllocateNetwork, which is for global scope: nothing stays of it', async () => {
    const IPv4Data = [{ AddressSpace: SPACE, Pool: '10.3.0.0/24' }];
    const options = { 'xnet.vni': '4711' };
    const request = { NetworkID: 'a'.repeat(25), Options: options, IPv4Data };
    const { status, json } = await daemon.call('NetworkDriver.AllocateNetwork', request);
    expect(status).toBe(200);
    expect(json.Err).toMatch(/AllocateNetwork .*--scope local .*--scope global/);
    // The VNI is free.
    const created = { ...request, NetworkID: NETWORK, Options: { 'com.docker.network.generic': options } };
    expect((await daemon.call('NetworkDriver.CreateNetwork', created)).json).toEqual({});
    await daemon.call('NetworkDriver.DeleteNetwork', { NetworkID: NETWORK });
  });

  test('Join of an endpoint that is in another network', async () => {
    const other = 'c'.repeat(64);
    await createNetwork(NETWORK, '10.4.0.0/24');
    await createNetwork(other, '10.5.0.0/24');
    const endpoint = { NetworkID: NETWORK, EndpointID: ENDPOINT };
    const interfaceOf = { Interface: { Address: '10.4.0.2/24' } };
    expect(
      (await daemon.call('NetworkDriver.CreateEndpoint', { ...endpoint, ...interfaceOf })).json.Err,
    ).toBeUndefined();
    const join = { ...endpoint, NetworkID: other, SandboxKey: '/x' };
    const { json } = await daemon.call('NetworkDriver.Join', join);
    expect(json.Err).toMatch(/endpoint b{64} is in Docker network a{64}, not in c{64}/);
    await daemon.call('NetworkDriver.DeleteEndpoint', endpoint);
    for (const NetworkID of [NETWORK, other]) await daemon.call('NetworkDriver.DeleteNetwork', { NetworkID });
  });

  test("a network without addresses (Docker's null IPAM) leaves all subnets to others", async () => {
    await createNetwork(NETWORK, '0.0.0.0/0');
    const { json } = await daemon.call('IpamDriver.RequestPool', { AddressSpace: SPACE });
    expect(json).toMatchObject({ Pool: expect.stringMatching(/^10\./) });
    await daemon.call('IpamDriver.ReleasePool', { PoolID: json.PoolID });
    await daemon.call('NetworkDriver.DeleteNetwork', { NetworkID: NETWORK });
  });

  test.each([
    ['its gateway', '10.6.0.1', /has address 10\.6\.0\.1 as its gateway/],
    ['one of its auxiliary addresses', '10.6.0.7', /has address 10\.6\.0\.7 as its auxiliary address router/],
  ])('CreateEndpoint with an address that the network has as %s', async (_what, address, reason) => {
    const reserved = { Gateway: '10.6.0.1/24', AuxAddresses: { router: '10.6.0.7/24' } };
    await createNetwork(NETWORK, '10.6.0.0/24', reserved);
    const endpoint = { NetworkID: NETWORK, EndpointID: ENDPOINT, Interface: { Address: `${address}/24` } };
    const { json } = await daemon.call('NetworkDriver.CreateEndpoint', endpoint);
    expect(json.Err).toMatch(reason);
    await daemon.call('NetworkDriver.DeleteNetwork', { NetworkID: NETWORK });
  });

  test.each([
    [{ AddressSpace: 'LocalDefault', Pool: '10.1.0.0/24' }, /address space/],
    [
      { AddressSpace: SPACE, Pool: '10.1.0.1/24' },
      /10\.1\.0\.1\/24 has host bits set; did you mean 10\.1\.0\.0\/24/,
    ],
    [{ AddressSpace: SPACE, Pool: '10.1.0.0' }, /not ADDRESS\/LENGTH/],
    [{ AddressSpace: SPACE, Pool: '10.1.0.0/33' }, /\/33 is too long/],
    [{ AddressSpace: SPACE, Pool: '010.1.0.0/24' }, /not an IP address/],
    [{ AddressSpace: SPACE, Pool: '10.1.0.0/24', SubPool: '10.2.0.0/25' }, /10\.2\.0\.0\/25/],
    [
      { AddressSpace: SPACE, Options: { 'xnet.nam': 'x' } },
      /unknown option --ipam-opt xnet\.nam; known are xnet\.name, xnet\.id/,
    ],
    [
      { AddressSpace: SPACE, Options: { 'xnet.id': '0123456789ab' } },
      /no network with xnet\.id=0123456789ab/,
    ],
    [{ AddressSpace: SPACE, Options: { 'xnet.name': '../../x' } }, /option xnet\.name=/],
  ])('RequestPool %j', async (body, reason) => {
    const answer = await daemon.call('IpamDriver.RequestPool', body);
    expect(answer.status).toBe(200);
    expect(answer.json.Error).toMatch(reason);
  });

  test.each(['x', '../..', '`id`', 'p'.repeat(1000), 'xnet-local~~10.1.0.0/24~~zz'])(
    'PoolID %p',
    async (PoolID) => {
      for (const [method, body] of [
        ['IpamDriver.RequestAddress', { PoolID }],
        ['IpamDriver.ReleaseAddress', { PoolID, Address: '10.1.0.2' }],
        ['IpamDriver.ReleasePool', { PoolID }],
      ] as const) {
        const answer = await daemon.call(method, body);
        expect(answer.status).toBe(200);
        expect(answer.json.Error).toMatch(/is not a PoolID of xnet/);
      }
    },
  );
});
