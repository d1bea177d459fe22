/** `xnet serve` is two processes: what its callers see when one or both of them end. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { TestDaemon } from '../../support/daemon/daemon.js';
import type { Answer } from '../../support/daemon/plugin-client.js';
import { isAlive } from '../../support/programs/processes.js';
import { eventually } from '../../support/time/eventually.js';

const CRASHES = 5;
const UPGRADES = 3;
/** A machine at work needs seconds for each start of a daemon. */
const TIMEOUT_MS = 120_000;

async function requestPool(daemon: TestDaemon): Promise<string> {
  const { json } = await daemon.call('IpamDriver.RequestPool', { AddressSpace: 'xnet-local' });
  return json.PoolID as string;
}

/** Takes an address and gives it back: two calls that write. Rejects when one of them is not answered well. */
async function takeAddress(daemon: TestDaemon, PoolID: string): Promise<void> {
  const { json } = await daemon.call('IpamDriver.RequestAddress', { PoolID, Options: null });
  expect(json).toEqual({ Address: expect.any(String), Data: expect.anything() });
  const Address = (json.Address as string).replace(/\/.*/, '');
  expectOk(await daemon.call('IpamDriver.ReleaseAddress', { PoolID, Address }));
}

function expectOk({ status, json }: Answer): void {
  expect({ status, json }).toEqual({ status: 200, json: {} });
}

/** Calls one after the other until `enough` says so, which is asked before every pair; how many pairs there were. */
async function callUntil(daemon: TestDaemon, enough: (pairs: number) => boolean): Promise<number> {
  const poolId = await requestPool(daemon);
  let pairs = 0;
  for (; !enough(pairs); pairs += 1) await takeAddress(daemon, poolId);
  expectOk(await daemon.call('IpamDriver.ReleasePool', { PoolID: poolId }));
  return pairs;
}

/** Resolves when the daemon that has taken over answers. */
async function upgrade(daemon: TestDaemon): Promise<void> {
  const old = daemon.daemonPid as number;
  daemon.signal('SIGHUP');
  await eventually(() => expect(isAlive(old)).toBe(false), 60_000);
  await daemon.call('Plugin.Activate');
}

const countMessages = async (daemon: TestDaemon, message: string) =>
  (await daemon.log()).filter((line) => line.message === message).length;

describe('the daemon killed with -9', () => {
  test(
    'between two calls, over and over: every call is answered as if nothing had been',
    async () => {
      await using daemon = await TestDaemon.start();
      let crashes = 0;
      await callUntil(daemon, (pairs) => {
        if (pairs % 10 !== 9) return false;
        if (crashes === CRASHES) return true;
        daemon.crash();
        crashes += 1;
        return false;
      });
      expect(JSON.parse(daemon.status('--json').text).keeper).toMatchObject({ deaths: CRASHES });
    },
    TIMEOUT_MS,
  );

  test('is told of by xnet status', async () => {
    await using daemon = await TestDaemon.start();
    // No Docker is there, which is a problem of its own.
    const isReady = () => expect(daemon.status().text).toMatch(/^underlay +198\./m);
    await eventually(isReady, 12_000);
    expect(daemon.status().text).not.toContain('keeper');
    daemon.crash();
    await eventually(isReady, 12_000);
    expect(daemon.status().text).toMatch(
      /^keeper {4}had to start the daemon again once; the last one was killed by SIGKILL$/m,
    );
    expect(JSON.parse(daemon.status('--json').text).keeper).toEqual({
      pid: daemon.keeperPid,
      deaths: 1,
      lastDeath: 'was killed by SIGKILL',
    });
  });
});

/** Of a process, its connections among those that `ss` has listed: how many bytes it has not read of each. */
const unreadOf = (listed: string, socket: string, pid: number | undefined) =>
  listed
    .split('\n')
    .filter(
      (line) => line.includes(' ESTAB ') && line.includes(`/${socket} `) && line.includes(`pid=${pid},`),
    )
    .map((line) => Number(line.trim().split(/\s+/)[2]));

/** Calls that the keeper has not answered. Their connections belong to the network namespace of their caller. */
const callsIn = (daemon: TestDaemon) =>
  unreadOf(execFileSync('ss', ['-xHp']).toString(), 'xnet.sock', daemon.keeperPid).length;

/** Resolves when there is one call, and the daemon that runs has it whole. */
const hasCall = (daemon: TestDaemon) =>
  eventually(async () => {
    expect(callsIn(daemon)).toBe(1);
    // This process, which is the caller, has yet to send it.
    await delay(100);
    const unread = unreadOf(daemon.in('ss', '-xHp'), 'admin.sock.calls', daemon.daemonPid);
    expect(unread.length).toBeGreaterThan(0);
    expect(unread.every((bytes) => bytes === 0)).toBe(true);
  }, 15_000);

/** Kills the daemon and resolves when it is gone: one that dies may still show the connections that it had. */
async function crashWhole(daemon: TestDaemon): Promise<void> {
  const killed = daemon.daemonPid as number;
  daemon.crash();
  await eventually(() => expect(isAlive(killed)).toBe(false));
}

/** Kills the daemon and resolves when its successor answers. */
async function replace(daemon: TestDaemon): Promise<void> {
  daemon.crash();
  await daemon.call('Plugin.Activate');
}

/** A daemon that is not ready before it gets its interface. */
async function startUnready(): Promise<{ daemon: TestDaemon; makeReady: () => void }> {
  const daemon = await TestDaemon.start(['--interface', 'late']);
  await eventually(() => expect(callsIn(daemon)).toBe(0));
  const makeReady = () => {
    daemon.in('ip', 'link', 'add', 'late', 'type', 'veth', 'peer', 'name', 'late-peer');
    daemon.in('ip', 'address', 'add', '198.18.251.1/24', 'dev', 'late');
    daemon.in('ip', 'link', 'set', 'late', 'up');
  };
  return { daemon, makeReady };
}

const repeatedCalls = async (daemon: TestDaemon) => (await daemon.log()).filter(({ repeated }) => repeated);

describe('the daemon killed with -9 in the midst of calls', () => {
  test('one that waits is answered by the next daemon, with its true answer', async () => {
    const { daemon: started, makeReady } = await startUnready();
    await using daemon = started;
    const call = daemon.call('IpamDriver.RequestPool', { AddressSpace: 'xnet-local', Pool: '10.7.0.0/24' });
    await hasCall(daemon);
    await replace(daemon);
    makeReady();
    const { status, json } = await call;
    expect({ status, json }).toMatchObject({ status: 200, json: { Pool: '10.7.0.0/24' } });
    const answered = { message: 'IpamDriver.RequestPool', outcome: 'ok' };
    await eventually(async () => expect(await repeatedCalls(daemon)).toMatchObject([answered]));
  });

  test(
    'of 200 at once, over and over: every one gets an address of its own, and none is lost in the store',
    async () => {
      await using daemon = await TestDaemon.start();
      const body = { AddressSpace: 'xnet-local', Pool: '10.7.0.0/24' };
      const PoolID = (await daemon.call('IpamDriver.RequestPool', body)).json.PoolID as string;
      const takeOne = () => daemon.call('IpamDriver.RequestAddress', { PoolID, Options: null });
      const answers: Answer[] = [];
      for (let crash = 0; crash < CRASHES; crash += 1) {
        const calls = Array.from({ length: 200 / CRASHES }, takeOne);
        await Promise.race(calls);
        await replace(daemon);
        answers.push(...(await Promise.all(calls)));
      }
      const refused = answers.filter(({ status, json }) => status !== 200 || json.Error);
      const outcries = refused.length > 0 ? await daemon.outcries() : [];
      expect({ refused, outcries }).toEqual({ refused: [], outcries: [] });
      expect(new Set(answers.map(({ json }) => json.Address)).size).toBe(200);
      // 254 of a /24 but for the gateway's: as many are left as must be.
      for (let left = 253 - 200; left > 0; left -= 1) expect((await takeOne()).json.Error).toBeUndefined();
      expect((await takeOne()).json.Error).toMatch(/all 253 that xnet may hand out are in use/);
    },
    TIMEOUT_MS,
  );

  test('one that was answered is not repeated', async () => {
    await using daemon = await TestDaemon.start();
    const poolId = await requestPool(daemon);
    await replace(daemon);
    await takeAddress(daemon, poolId);
    expect(await repeatedCalls(daemon)).toEqual([]);
  });

  test('one whose caller has gone meanwhile is not repeated', async () => {
    const { daemon: started, makeReady } = await startUnready();
    await using daemon = started;
    const caller = request({ socketPath: daemon.socket, path: '/IpamDriver.RequestPool', method: 'POST' });
    caller.on('error', () => undefined);
    caller.end('{"AddressSpace":"xnet-local"}');
    await hasCall(daemon);
    daemon.crash();
    caller.destroy();
    await daemon.call('Plugin.Activate');
    makeReady();
    await requestPool(daemon);
    expect(await repeatedCalls(daemon)).toEqual([]);
  });

  test(
    'one that four of them began in vain is given up, and says so',
    async () => {
      const { daemon: started } = await startUnready();
      await using daemon = started;
      const call = daemon.call('IpamDriver.RequestPool', { AddressSpace: 'xnet-local' });
      for (let crash = 0; crash < 4; crash += 1) {
        await hasCall(daemon);
        await crashWhole(daemon);
      }
      const { status, json } = await call;
      expect(status).toBe(503);
      expect(json.Err).toMatch(/did not answer and ended, 4 times in a row/);
    },
    TIMEOUT_MS,
  );
});

describe('an upgrade', () => {
  test(
    'under calls of four clients: none is refused, none is cut',
    async () => {
      await using daemon = await TestDaemon.start();
      let upgraded = false;
      const clients = Array.from({ length: 4 }, () => callUntil(daemon, () => upgraded));
      const upgrades = async () => {
        for (let count = 0; count < UPGRADES; count += 1) await upgrade(daemon);
        upgraded = true;
      };
      const [, ...pairs] = await Promise.all([upgrades(), ...clients]);
      expect(Math.min(...pairs)).toBeGreaterThan(0);
      const stops = (await daemon.log()).filter(({ message }) => message === 'stopping');
      expect(stops.map(({ because }) => because)).toEqual(Array(UPGRADES).fill('upgrade'));
      expect(JSON.parse(daemon.status('--json').text).keeper).toMatchObject({ deaths: 0 });
    },
    TIMEOUT_MS,
  );

  test(
    'that SIGHUP to the whole process group asks for is one, too',
    async () => {
      await using daemon = await TestDaemon.start();
      const first = daemon.daemonPid as number;
      process.kill(-daemon.keeperPid, 'SIGHUP');
      await eventually(() => expect(isAlive(first)).toBe(false), 60_000);
      expect((await daemon.call('Plugin.Activate')).status).toBe(200);
      const stops = (await daemon.log()).filter(({ message }) => message === 'stopping');
      expect(stops).toMatchObject([{ because: 'upgrade' }]);
    },
    TIMEOUT_MS,
  );
});

describe('a stop', () => {
  test('leaves no socket and no process, with exit code 0', async () => {
    await using daemon = await TestDaemon.start();
    const pid = daemon.daemonPid as number;
    expect(await daemon.stop()).toBe(0);
    expect([daemon.socket, daemon.adminSocket, `${daemon.adminSocket}.calls`].filter(existsSync)).toEqual([]);
    expect(isAlive(pid)).toBe(false);
  });

  test('by Ctrl-C, which both processes hear, is one', async () => {
    await using daemon = await TestDaemon.start();
    daemon.interrupt();
    expect(await daemon.exited()).toBe(0);
    expect([daemon.socket, daemon.adminSocket, `${daemon.adminSocket}.calls`].filter(existsSync)).toEqual([]);
    expect(await countMessages(daemon, 'stopping')).toBe(1);
    expect(await countMessages(daemon, 'listening')).toBe(1);
  });
});

describe('the keeper killed with -9', () => {
  test('takes the daemon with it, which leaves the paths for the next one; the state is as it was', async () => {
    await using daemon = await TestDaemon.start();
    const poolId = await requestPool(daemon);
    const orphan = daemon.daemonPid as number;
    await daemon.killKeeper();
    await eventually(() => expect(isAlive(orphan)).toBe(false));
    expect(existsSync(daemon.socket)).toBe(true);
    expect((await daemon.log()).at(-1)).toMatchObject({ message: 'stopping', because: 'keeper lost' });
    await daemon.restart();
    await takeAddress(daemon, poolId);
  });
});

describe('a start that fails', () => {
  test('ends with 1 and one message when the second of the two sockets cannot be made', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'xnet-serve-'));
    await writeFile(join(directory, 'file'), '');
    const sockets = ['--socket', `${directory}/a.sock`, '--admin-socket', `${directory}/file/b.sock`];
    const failed = spawnSync(
      process.execPath,
      ['bin/xnet', 'serve', ...sockets, '--state-dir', `${directory}/state`],
      { encoding: 'utf8' },
    );
    await rm(directory, { recursive: true });
    expect(failed.status).toBe(1);
    expect(failed.stderr.match(/^xnet: .*file/gm)).toHaveLength(1);
  });
});

describe('the command line', () => {
  test.each(['serve', 'daemon'])('xnet %s --help and errors speak of xnet serve', (command) => {
    const xnet = (...args: string[]) =>
      spawnSync(process.execPath, ['bin/xnet', command, ...args], { encoding: 'utf8' });
    expect(xnet('--help')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^Usage: xnet serve /) });
    expect(xnet('extra')).toMatchObject({ status: 2, stderr: expect.stringContaining("for 'serve'") });
  });

  test('xnet --help does not list the daemon, which runs without a keeper and says so', async () => {
    const help = spawnSync(process.execPath, ['bin/xnet', '--help'], { encoding: 'utf8' });
    expect(help.stdout).not.toMatch(/^ +daemon/m);

    const directory = await mkdtemp(join(tmpdir(), 'xnet-serve-'));
    const sockets = ['--socket', `${directory}/a.sock`, '--admin-socket', `${directory}/b.sock`];
    const settings = [...sockets, '--state-dir', `${directory}/state`, '--interface', 'nope'];
    const daemon = spawn(process.execPath, ['bin/xnet', 'daemon', ...settings], { stdio: 'ignore' });
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    const status = ['bin/xnet', 'status', '--admin-socket', `${directory}/b.sock`];
    await eventually(() => {
      const { stdout } = spawnSync(process.execPath, status, { encoding: 'utf8' });
      expect(stdout).toContain('keeper    none: calls are refused while this daemon is away');
    }, 10_000);
    daemon.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(existsSync(`${directory}/a.sock`)).toBe(false);
    await rm(directory, { recursive: true });
  });
});
