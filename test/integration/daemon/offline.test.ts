/** The commands of a host whose daemon does not run, on one without etcd: what it said before, and that it is so. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { access, chmod } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TestDaemon } from '../../support/daemon/daemon.js';
import { eventually } from '../../support/time/eventually.js';

const NETWORK = 'a'.repeat(64);
const ENDPOINT = 'b'.repeat(64);
const LISTS = ['networks', 'endpoints', 'pools'];

let daemon: TestDaemon;
let before: unknown[];

/** Configured as the daemon is, by variables. */
function xnet(...args: string[]) {
  return xnetWith({}, ...args);
}

/** With other variables besides. */
function xnetWith(others: Readonly<Record<string, string>>, ...args: string[]) {
  const { directory, adminSocket } = daemon;
  const own = { XNET_ADMIN_SOCKET: adminSocket, XNET_STATE_DIR: `${directory}/state`, ...others };
  const command = ['bin/xnet', ...args, '--admin-socket', adminSocket];
  const env = { ...process.env, ...own };
  const { stdout, stderr, status } = spawnSync(process.execPath, command, { encoding: 'utf8', env });
  return { stdout, stderr, status };
}

beforeAll(async () => {
  daemon = await TestDaemon.start();
  const IPv4Data = [{ AddressSpace: 'LocalDefault', Pool: '10.4.0.0/24' }];
  const Options = { 'com.docker.network.generic': { 'xnet.name': 'shop' } };
  await daemon.ok('NetworkDriver.CreateNetwork', { NetworkID: NETWORK, Options, IPv4Data });
  await daemon.ok('NetworkDriver.CreateEndpoint', {
    ...{ NetworkID: NETWORK, EndpointID: ENDPOINT },
    Interface: { Address: '10.4.0.2/24' },
  });
  before = LISTS.map((list) => JSON.parse(xnet(list, '-o', 'json').stdout).items);
  await daemon.stop();
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

describe('while no daemon runs', () => {
  test('lists have what they had, and the exit code and a line on standard error say so', () => {
    const answers = LISTS.map((list) => xnet(list, '-o', 'json'));
    // States are the cluster's, and what was dropped the daemon counts.
    const withoutState = (items: unknown) =>
      JSON.parse(
        JSON.stringify(items, (key, value) => (['state', 'forged'].includes(key) ? undefined : value)),
      );
    expect(answers.map(({ stdout }) => withoutState(JSON.parse(stdout).items))).toEqual(
      before.map(withoutState),
    );
    for (const { stdout, stderr, status } of answers) {
      expect(JSON.parse(stdout).asOf).toBe('last known');
      expect(stderr).toMatch(/^the daemon does not answer: this is what this host knew last; `xnet status`/);
      expect(status).toBe(1);
    }
  });

  test('status names the daemon and Docker, and the doctor looks at what it can', () => {
    const { stdout, status } = xnet('status');
    expect(stdout).toMatch(/^PROBLEM {3}no xnet daemon answers on .*start it/m);
    expect(stdout).toMatch(/^store {5}embedded \S+: not read by a daemon$/m);
    expect(stdout).toMatch(/^ {2}shop .*10\.4\.0\.0\/24/m);
    expect(stdout).toMatch(/daemon stopped/);
    expect(status).toBe(1);
    const { hosts } = JSON.parse(xnet('doctor', '-o', 'json').stdout);
    const checks = hosts[0].findings.map(({ check }: { check: string }) => check);
    expect(checks).toEqual(
      expect.arrayContaining([
        'status',
        'store',
        'kernel',
        'drift',
        'disk',
        'leftovers',
        'firewall',
        'hosts',
      ]),
    );
    for (const ofDaemon of ['keeper', 'plugin', 'files', 'routes', 'mtu', 'paths', 'addresses'])
      expect(checks).not.toContain(ofDaemon);
  });

  test('the doctor does not call the socket by which systemd would start xnet', async () => {
    const socket = `${daemon.directory}/held.sock`;
    const touched = `${daemon.directory}/touched`;
    const hold = `require('net').createServer(() => require('fs').writeFileSync('${touched}', '')).listen('${socket}')`;
    const holder = spawn(process.execPath, ['-e', hold]);
    try {
      await eventually(() => access(socket));
      xnetWith({ XNET_SOCKET: socket }, 'doctor');
      await expect(access(touched)).rejects.toThrow(/ENOENT/);
    } finally {
      holder.kill();
    }
  });

  test('a cluster that was never reached is asked, and no network is called a leftover by a host that has lost its records', () => {
    const state = `${daemon.directory}/lost`;
    mkdirSync(state);
    writeFileSync(`${state}/host-id`, 'aaaaaaaaaaaaaaaa\n');
    const lost = { XNET_STATE_DIR: state, XNET_STORE: 'etcd://127.0.0.1:1' };
    const { hosts } = JSON.parse(xnetWith(lost, 'doctor', '-o', 'json').stdout);
    const found = (check: string) =>
      hosts[0].findings.filter((each: { check: string }) => each.check === check);
    expect(found('etcd')).toMatchObject([
      { verdict: 'failure', found: expect.stringMatching(/does not answer/) },
    ]);
    expect(found('leftovers')).toMatchObject([
      { verdict: 'ok', found: expect.stringMatching(/no record of this host/) },
    ]);
  });

  test('a bundle that is interrupted leaves nothing behind', async () => {
    const directory = `${daemon.directory}/interrupted`;
    mkdirSync(directory);
    const { adminSocket } = daemon;
    const env = { ...process.env, XNET_STATE_DIR: `${daemon.directory}/state`, TMPDIR: directory };
    const command = ['bin/xnet', 'bundle', '-w', `${directory}/b.tar.gz`, '--admin-socket', adminSocket];
    const child = spawn(process.execPath, command, { env });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    await eventually(async () => readdirSync(directory).some((name) => name.startsWith('xnet-bundle-')));
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('what is not there is refused, and what needs the daemon', () => {
    expect(xnet('network', 'show', 'nowhere')).toMatchObject({
      ...{ status: 1, stdout: '' },
      stderr: expect.stringMatching(/no network with the name or id "nowhere"/),
    });
    expect(xnet('host', 'rm', 'h2').stderr).toMatch(/^xnet: no xnet daemon answers/);
    expect(xnet('events', '-f').stderr).toMatch(/^xnet: no xnet daemon answers/);
  });

  test('of another daemon nothing is said', () => {
    const command = ['bin/xnet', 'networks', '--admin-socket', daemon.adminSocket];
    const { stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
    expect([stdout, stderr]).toEqual(['', expect.stringMatching(/^xnet: no xnet daemon answers/)]);
  });
});

test('a running daemon answers root alone, and says so to others', async () => {
  await daemon.restart();
  await chmod(daemon.directory, 0o755);
  const command = ['--reuid', '65534', '--clear-groups', process.execPath, 'bin/xnet', 'networks'];
  const asked = spawnSync('setpriv', [...command, '--admin-socket', daemon.adminSocket], {
    encoding: 'utf8',
  });
  expect(asked).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/is for root alone; use sudo/),
  });
});
