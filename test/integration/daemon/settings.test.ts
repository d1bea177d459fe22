/** Settings that are of the right form and cannot be used on this host: the fault shows at once, and in our words. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createAuthority } from '../../support/store/certificates.js';

/** Of a machine at work. A start that goes on for longer is ended, and its exit code is null. */
const TIMEOUT_MS = 40_000;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnet-settings-'));
  await writeFile(join(directory, 'file'), 'precious');
});
afterAll(async () => await rm(directory, { recursive: true }));

function xnet(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const env = { PATH: process.env.PATH, ...environment };
  const options = { encoding: 'utf8', env, timeout: TIMEOUT_MS, killSignal: 'SIGKILL' } as const;
  return spawnSync(process.execPath, ['bin/xnet', ...args], options);
}

/** Settings that keep a start within the directory, and then `args`. */
function serve(...args: string[]) {
  const own = ['--socket', `${directory}/a.sock`, '--admin-socket', `${directory}/b.sock`];
  return xnet(['serve', ...own, '--state-dir', `${directory}/state`, '--interface', 'nope', ...args]);
}

const in_ = (path: string) => join(directory, path);

describe('a setting that cannot be used here ends the start, and its check,', () => {
  test.each([
    [
      'a state directory that cannot be created',
      1,
      () => ['--state-dir', '/proc/x'],
      /\/proc\/x cannot be created/,
    ],
    [
      'the same, some levels down',
      1,
      () => ['--state-dir', '/proc/x/y/z'],
      /\/proc\/x\/y\/z cannot be created/,
    ],
    ['a state directory that is a file', 1, () => ['--state-dir', in_('file')], /file cannot be created/],
    [
      'one that takes no files',
      1,
      () => ['--state-dir', '/proc/self'],
      /state directory \/proc\/self cannot be used/,
    ],
    [
      'a socket where none can be',
      1,
      () => ['--socket', '/proc/x/a.sock'],
      /directory \/proc\/x cannot be created/,
    ],
    ['a socket in the place of a file', 1, () => ['--socket', in_('file')], /file is there and is no socket/],
    [
      'an admin socket in the place of a directory',
      1,
      () => ['--admin-socket', directory],
      /is there and is no socket/,
    ],
    [
      'an admin socket with too long a path',
      2,
      () => ['--admin-socket', `/${'x'.repeat(105)}`],
      /longer than 101 bytes/,
    ],
    ['a store that is none', 2, () => ['--store', 'etcd://h1:2379:1'], /--store etcd:\/\/h1:2379:1: must be/],
    [
      'a certificate that is not there',
      2,
      () => ['--store', 'etcds://h1', '--etcd-ca', '/x'],
      /etcdCa cannot be read/,
    ],
    [
      'a certificate that is none',
      2,
      () => ['--store', 'etcds://h1', '--etcd-ca', in_('file')],
      /etcdCa: .*file holds no certificate/,
    ],
    ['a user without a password', 2, () => ['--store', 'etcd://h1', '--etcd-user', 'u'], /etcdPassword/],
  ])(
    '%s: exit code %d',
    (_, code, args, reason) => {
      for (const mode of [[], ['--check']]) {
        const { status, stderr } = serve(...args(), ...mode);
        expect({ status, stderr }).toEqual({ status: code, stderr: expect.stringMatching(reason) });
        expect(stderr.match(/^xnet: /gm)).toHaveLength(1);
      }
    },
    2 * TIMEOUT_MS,
  );

  test('and leaves what is in its place alone', async () => {
    expect(await readFile(in_('file'), 'utf8')).toBe('precious');
  });
});

describe('xnet serve --check', () => {
  const own = () => ['--socket', in_('c.sock'), '--admin-socket', in_('d.sock'), '--state-dir', in_('state')];

  test('of a configuration that can be used says so, and starts nothing', async () => {
    const { status, stdout } = xnet(['serve', '--check', ...own()]);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^xnet can start with this configuration .*\n$/),
    });
    expect(existsSync(in_('c.sock'))).toBe(false);
  });

  test.each([
    [['--interface', 'eth77'], /--interface eth77 is not on this host now.*; this host has .*lo \(/],
    [['--interface', 'lo'], /--interface lo is not on this host now, or no other host can send to it/],
    [['--vtep', '127.0.0.1'], /--vtep 127.0.0.1 is not on this host now, or no other/],
    [['--vtep', '203.0.113.9'], /--vtep 203\.0\.113\.9 is not on this host now/],
  ])('refuses an underlay that is not there, %j, which a start would wait for', (args, reason) => {
    const { status, stderr } = xnet(['serve', '--check', ...own(), ...args]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(reason) });
  });

  test("refuses a key that is not the certificate's", async () => {
    await using authority = await createAuthority();
    const [one, other] = [await authority.issue('one'), await authority.issue('other')];
    const tls = (cert: string, key: string) => [
      '--store',
      'etcds://h1',
      '--etcd-cert',
      cert,
      '--etcd-key',
      key,
    ];
    expect(xnet(['serve', '--check', ...own(), ...tls(one.cert, one.key)]).status).toBe(0);
    const { status, stderr } = xnet(['serve', '--check', ...own(), ...tls(one.cert, other.key)]);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/etcdKey: .* is not the key/),
    });
  });
});

describe('the environment', () => {
  test.each(['serve', 'serve --check', 'daemon'])(
    'with a misspelt variable ends xnet %s with exit code 2',
    (command) => {
      const own = ['--socket', in_('a.sock'), '--admin-socket', in_('b.sock'), '--state-dir', in_('state')];
      const { status, stderr } = xnet([...command.split(' '), ...own], { XNET_STROE: 'etcd://h1:2379' });
      expect({ status, stderr }).toEqual({
        status: 2,
        stderr: expect.stringContaining('XNET_STROE (environment): unknown; did you mean XNET_STORE?'),
      });
    },
  );
});

describe('the command line', () => {
  test.each([[[]], [['--help']], [['help']]])('xnet %j prints the help', (args) => {
    expect(xnet(args)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^Usage: xnet .*\n[\s\S]*status/),
    });
  });

  test.each([['version'], ['--version']])('xnet %s prints the version', (word) => {
    expect(xnet([word])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/) });
  });

  test('an unknown command is refused by its name, with what is near', () => {
    const { status, stderr } = xnet(['statsu']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/unknown command 'statsu'[\s\S]*status/);
  });
});
