/** The keeper's own life: signals, restarts, what it holds and what it gives back. */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listenUnix } from '../../../src/native/unix-listener.js';
import { type CompiledSources, compileSources } from '../../support/programs/compiled-sources.js';
import { isAlive } from '../../support/programs/processes.js';
import { eventually } from '../../support/time/eventually.js';
import { expectInTime } from '../../support/time/in-time.js';
import { type KeeperStart, KeeperUnderTest, socketActivated } from './keeper-under-test.js';
import { CallLoad, DatagramLoad, slowestMs } from './load.js';

let compiled: CompiledSources;
beforeAll(async () => {
  compiled = await compileSources(['keeper', 'native']);
});
afterAll(async () => await compiled[Symbol.asyncDispose]());

const ready = (start: Omit<KeeperStart, 'sources'> = {}) =>
  KeeperUnderTest.ready({ sources: compiled.directory, ...start });
const begin = (start: Omit<KeeperStart, 'sources'> = {}) =>
  KeeperUnderTest.start({ sources: compiled.directory, ...start });

/** One call on the plugin socket: the id of the daemon that answered. */
async function call(keeper: KeeperUnderTest): Promise<number | undefined> {
  const load = new CallLoad(keeper.socket, 1000);
  while (load.outcomes.length === 0) await sleep(1);
  const [outcome] = await load.finish();
  return outcome?.pid;
}

describe('an ordered stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('by %s leaves no process and no socket', async (signal) => {
    await using keeper = await ready({ options: { udp: 2 } });
    const daemon = await keeper.waitForDaemons(1);
    keeper.signal(signal);
    expect(await keeper.exited).toBe(0);
    expect(keeper.pids('stop')).toEqual([daemon]);
    expect(isAlive(daemon)).toBe(false);
    expect(existsSync(keeper.socket)).toBe(false);
  });

  test("passes on the daemon's exit code", async () => {
    await using keeper = await ready({ options: { exitCode: 5 } });
    keeper.signal('SIGTERM');
    expect(await keeper.exited).toBe(5);
  });

  test('ends a daemon that does not stop by SIGKILL after the time it has', async () => {
    await using keeper = await ready({ options: { stubborn: true, keeper: { stopTimeoutMs: 300 } } });
    const daemon = await keeper.waitForDaemons(1);
    keeper.signal('SIGTERM');
    expect(await keeper.exited).toBe(128 + 9);
    expect(isAlive(daemon)).toBe(false);
  });

  test('of the daemon itself is one of both', async () => {
    await using keeper = await ready();
    process.kill(await keeper.waitForDaemons(1), 'SIGTERM');
    expect(await keeper.exited).toBe(0);
  });

  test('ends a pause between two starts', async () => {
    await using keeper = await begin({ flags: ['crash'] });
    await eventually(() => expect(keeper.stderr).toMatch(/started again after 1600 ms/), 20_000);
    keeper.signal('SIGTERM');
    expect(await keeper.exited).toBe(0);
  });
});

describe('a daemon that cannot work', () => {
  test('because its configuration is wrong ends the keeper with 2, at the first start and later', async () => {
    await using first = await begin({ flags: ['wrong'] });
    expect(await first.exited).toBe(2);
    expect(first.pids('start')).toHaveLength(1);

    await using later = await ready();
    writeFileSync(join(later.directory, 'wrong'), '');
    process.kill(await later.waitForDaemons(1), 'SIGKILL');
    expect(await later.exited).toBe(2);
    expect(later.pids('start')).toHaveLength(2);
  });

  test('ends the keeper with its code when its first start fails, before anything is held', async () => {
    await using keeper = await begin({ flags: ['broken'] });
    expect(await keeper.exited).toBe(7);
  });

  test('is started again after pauses that grow from 0.1 s, and the keeper holds its sockets', async () => {
    await using keeper = await begin({ flags: ['crash'] });
    await eventually(() => expect(keeper.pids('ready').length).toBeGreaterThan(5), 20_000);
    const pauses = [...keeper.stderr.matchAll(/ended with code 9; it is started again(?: after (\d+) ms)?/g)];
    expect(pauses.slice(0, 5).map(([, ms = 0]) => Number(ms))).toEqual([0, 100, 200, 400, 800]);
    rmSync(join(keeper.directory, 'crash'));
    expect(await call(keeper)).toBe(keeper.pids('ready').at(-1));
    const dead = keeper.pids('start').length - 1;
    expect(keeper.events().at(-2)?.event).toBe(`deaths=${dead} held=2`);
  });
});

describe('an upgrade', () => {
  test.each(['SIGHUP', 'SIGUSR2'] as const)(
    'by %s puts a new daemon in place of the old one with no call or datagram lost',
    async (signal) => {
      await using keeper = await ready({ options: { udp: 4 } });
      const old = await keeper.waitForDaemons(1);
      const socketFile = statSync(keeper.socket).ino;
      const calls = new CallLoad(keeper.socket, 50);
      const datagrams = new DatagramLoad(keeper.ports(), 50);
      await sleep(300);
      keeper.signal(signal);
      await keeper.waitForDaemons(2);
      await sleep(300);
      const outcomes = [...(await calls.finish()), ...(await datagrams.finish())];
      expect(outcomes.filter(({ answeredAt }) => answeredAt === undefined)).toEqual([]);
      expect(new Set(outcomes.map(({ pid }) => pid))).toEqual(new Set(keeper.pids('ready')));
      expectInTime(slowestMs(outcomes), 3000);
      expect(keeper.pids('upgrade')).toEqual([old]);
      expect(isAlive(old)).toBe(false);
      expect(statSync(keeper.socket)).toMatchObject({ ino: socketFile, mode: 0o140600 });
    },
  );

  test('of a daemon that does not stop goes on after the time it has', async () => {
    await using keeper = await ready({ options: { stubborn: true, keeper: { stopTimeoutMs: 300 } } });
    keeper.signal('SIGHUP');
    const daemon = await keeper.waitForDaemons(2);
    expect(await call(keeper)).toBe(daemon);
  });

  test.each([
    ['configuration', 'wrong', 'this configuration is wrong: a = 1'],
    ['program', 'broken', 'its check ended with code 7'],
  ])('to a %s that cannot start is refused, and made when it is asked for again', async (_, flag, reason) => {
    await using keeper = await ready();
    const old = await keeper.waitForDaemons(1);
    writeFileSync(join(keeper.directory, flag), '');
    keeper.signal('SIGHUP');
    const refused = `the upgrade is refused, and the daemon that runs goes on: ${reason}`;
    await eventually(() => expect(keeper.stderr).toContain(refused), 20_000);
    await eventually(() => expect(keeper.pids(`refused:${reason}`)).toEqual([old]));
    expect(await call(keeper)).toBe(old);

    rmSync(join(keeper.directory, flag));
    keeper.signal('SIGHUP');
    expect(await keeper.waitForDaemons(2)).not.toBe(old);
  });

  test('asked for again while it is checked is checked again', async () => {
    await using keeper = await ready();
    for (const flag of ['wrong', 'check-late']) writeFileSync(join(keeper.directory, flag), '');
    keeper.signal('SIGHUP');
    await eventually(() => expect(keeper.pids('check')).toHaveLength(1), 20_000);
    keeper.signal('SIGHUP');
    await sleep(100);
    rmSync(join(keeper.directory, 'check-late'));
    await eventually(() => expect(keeper.pids('check')).toHaveLength(2), 20_000);
    await eventually(() => expect(keeper.stderr).toContain('the upgrade is refused'));
    expect(keeper.pids('start')).toHaveLength(1);
  });

  test('to an older version, which knows no check, is made', async () => {
    await using keeper = await ready();
    writeFileSync(join(keeper.directory, 'old'), '');
    keeper.signal('SIGHUP');
    await keeper.waitForDaemons(2);
  });

  test('is followed by a stop that was asked for meanwhile', async () => {
    await using keeper = await ready();
    keeper.signal('SIGHUP');
    keeper.signal('SIGTERM');
    expect(await keeper.exited).toBe(0);
    expect(keeper.pids('start')).toHaveLength(1);
  });
});

describe('the keeper', () => {
  test('killed with -9 is missed by the daemon, which ends within a second', async () => {
    await using keeper = await ready({ options: { udp: 2 } });
    const daemon = await keeper.waitForDaemons(1);
    const killedAt = performance.now();
    keeper.signal('SIGKILL');
    await eventually(() => expect(isAlive(daemon)).toBe(false), 5000, 5);
    expectInTime(performance.now() - killedAt, 1000);
    expect(keeper.pids('lost')).toEqual([daemon]);
    expect(keeper.pids('stop')).toEqual([]);
  });

  test('holds the same descriptors after 200 restarts as after one, and stays small', async () => {
    await using keeper = await ready({ options: { udp: 8 } });
    await restart(keeper, 1);
    const before = keeper.descriptors();
    for (let count = 2; count <= 200; count += 1) await restart(keeper, count);
    await eventually(() => expect(keeper.descriptors()).toBe(before));
    expect(keeper.events().findLast(({ event }) => event.startsWith('deaths='))?.event).toMatch(/held=10$/);
    const memory = readFileSync(`/proc/${keeper.pid}/smaps_rollup`, 'utf8');
    const kilobytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(memory)?.[1]);
    console.log(`keeper after 200 restarts: ${before} descriptors,`, {
      rssMb: kilobytes('Rss') / 1000,
      pssMb: kilobytes('Pss') / 1000,
      privateMb: (kilobytes('Private_Dirty') + kilobytes('Private_Clean')) / 1000,
    });
    expect(kilobytes('Rss')).toBeLessThan(80_000);
  }, 180_000);

  /** By turns a kill and an upgrade, so that no pause sets in. */
  async function restart(keeper: KeeperUnderTest, count: number): Promise<void> {
    if (count % 2 === 0) process.kill(await keeper.waitForDaemons(count), 'SIGKILL');
    else keeper.signal('SIGHUP');
    await keeper.waitForDaemons(count + 1);
  }

  test('works as the first process of a PID namespace', async () => {
    const under = () => ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
    await using keeper = await begin({ options: { udp: 1 }, under });
    await keeper.waitForDaemons(1);
    const inside = () => execFileSync('pgrep', ['-f', `daemon-worker.mjs .*${keeper.directory}`]).toString();
    process.kill(Number(inside().trim()), 'SIGKILL');
    const second = await keeper.waitForDaemons(2);
    expect(await call(keeper)).toBe(second);
    expect(keeper.events().findLast(({ event }) => event.startsWith('deaths='))?.event).toBe(
      'deaths=1 held=3',
    );
  });

  test('as the first process of a PID namespace waits for the orphans that fall to it', async () => {
    const under = () => ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
    await using keeper = await begin({ under, flags: ['orphan'] });
    await eventually(() => expect(keeper.pids('start')).toHaveLength(2));
    await keeper.waitForDaemons(1);
    await sleep(600);
    const inside = execFileSync('pgrep', [
      '-f',
      `^${process.execPath} .*keeper-worker.mjs .*${keeper.directory}`,
    ]);
    const pid = inside.toString().trim();
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    expect(children).toHaveLength(1);
  });

  test('refuses what it cannot hold or understand, with the reason, and goes on', async () => {
    await using keeper = await ready({ flags: ['garbage'] });
    const said = keeper.events().map(({ event }) => event);
    expect(said).toContain('refused=10/10');
    expect(said).toContainEqual(expect.stringMatching(/pidfd_getfd\(99999\)_failed:_EBADF/));
    expect(await call(keeper)).toBeDefined();
  });

  test('holds nothing twice or for nobody when a daemon dies with requests on their way', async () => {
    await using keeper = await ready();
    // The second daemon takes over and holds nothing new, as the last one will.
    await restart(keeper, 1);
    const before = keeper.descriptors();
    for (let death = 2; death <= 11; death += 1) {
      writeFileSync(join(keeper.directory, 'die-holding'), '');
      keeper.signal('SIGHUP');
      await keeper.waitForDaemons(death + 1);
    }
    const held = keeper.events().flatMap(({ event }) => /held=(\d+)/.exec(event)?.[1] ?? []);
    expect(Math.max(...held.map(Number))).toBeGreaterThan(50);
    // The last daemon has released what the dead ones held.
    await eventually(() => expect(keeper.descriptors()).toBe(before));
  }, 60_000);

  test("takes the supervisor's socket for the plugin's, and leaves its file when it stops", async () => {
    await using keeper = await begin({ under: socketActivated });
    await eventually(() => expect(existsSync(keeper.socket)).toBe(true));
    const daemon = await call(keeper);
    expect(daemon).toBe(await keeper.waitForDaemons(1));
    process.kill(daemon as number, 'SIGKILL');
    expect(await call(keeper)).toBe(await keeper.waitForDaemons(2));
    keeper.signal('SIGTERM');
    expect(await keeper.exited).toBe(0);
    expect(existsSync(keeper.socket)).toBe(true);
  });
});

describe('a keeper that listens first', () => {
  const options = { listensFirst: true };

  test('takes calls before the first daemon can, which then answers them', async () => {
    await using keeper = await begin({ options, flags: ['late'] });
    await eventually(() => expect(existsSync(keeper.socket)).toBe(true));
    const answered = call(keeper);
    await eventually(() => expect(keeper.pids('start')).toHaveLength(1));
    expect(keeper.pids('ready')).toEqual([]);
    rmSync(join(keeper.directory, 'late'));
    expect(await answered).toBe(await keeper.waitForDaemons(1));
    expect(keeper.events().map(({ event }) => event)).toContain('deaths=0 held=1');
    expect(statSync(keeper.socket).mode).toBe(0o140600);
    keeper.signal('SIGTERM');
    expect(await keeper.exited).toBe(0);
    expect(existsSync(keeper.socket)).toBe(false);
  });

  test('goes on when its first daemons fail, as callers wait', async () => {
    await using keeper = await begin({ options, flags: ['broken'] });
    await eventually(() => expect(keeper.pids('start').length).toBeGreaterThan(1));
    const answered = call(keeper);
    rmSync(join(keeper.directory, 'broken'));
    expect(await answered).toBe(await keeper.waitForDaemons(1));
  });

  test('is stopped while its daemon still starts', async () => {
    await using keeper = await begin({ options, flags: ['late'] });
    await eventually(() => expect(keeper.pids('start')).toHaveLength(1));
    keeper.signal('SIGTERM');
    expect(await keeper.exited).toBe(0);
  });

  test('takes the place of a socket that a dead process left, and leaves the one of a living process alone', async () => {
    let listening: number | undefined;
    const under = (directory: string) => {
      listening = listenUnix(join(directory, 'plugin.sock'));
      return [];
    };
    await using refused = await begin({ options, under });
    expect(await refused.exited).toBe(1);
    expect(refused.stderr).toContain('xnet keeper: another process listens on');
    closeSync(listening as number);

    const underDead = (directory: string) => {
      closeSync(listenUnix(join(directory, 'plugin.sock')));
      return [];
    };
    await using keeper = await begin({ options, under: underDead });
    await keeper.waitForDaemons(1);
    expect(keeper.events().map(({ event }) => event)).toContain('deaths=0 held=1');
  });
});

describe('the plugin socket', () => {
  test('whose file was removed is made again by the next daemon', async () => {
    await using keeper = await ready();
    rmSync(keeper.socket);
    keeper.signal('SIGHUP');
    const daemon = await keeper.waitForDaemons(2);
    expect(await call(keeper)).toBe(daemon);
    process.kill(daemon, 'SIGKILL');
    expect(await call(keeper)).toBe(await keeper.waitForDaemons(3));
  });
});
