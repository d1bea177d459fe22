/** What `npm pack` makes, and what plugin/install makes of it, without Docker. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { TestDaemon } from '../../support/daemon/daemon.js';
import { BuildDirectory, CHECKOUT } from '../../support/lab/installed.js';
import { refusalOf, run } from '../../support/programs/command.js';

let build: BuildDirectory;
let packaged: string;

beforeAll(async () => {
  build = await BuildDirectory.create();
  packaged = await build.npmInstalled();
}, 300_000);
afterAll(() => build[Symbol.asyncDispose]());

test('the package has what a host needs, and nothing that only this checkout needs', async () => {
  const list = await run([
    'find',
    packaged,
    '-path',
    join(packaged, 'node_modules'),
    '-prune',
    '-o',
    '-type',
    'f',
    '-print',
  ]);
  const files = list.split('\n').map((file) => file.slice(packaged.length + 1));
  const needed = [
    'bin/xnet',
    'dist/main.js',
    'docs/install.md',
    'LICENSE',
    'plugin/install',
    'plugin/uninstall',
    'plugin/xnet.service',
  ];
  expect(files).toEqual(expect.arrayContaining(needed));
  expect(files.filter((file) => /^(src|test|bench)\/|\.(map|ts)$/.test(file))).toEqual([]);
});

test('the installed command serves', async () => {
  expect(await run([join(build.path, 'bin/xnet'), '--version'])).toBe(version());
  await using daemon = await TestDaemon.start([], {}, undefined, join(packaged, 'bin/xnet'));
  const { json } = await daemon.call('Plugin.Activate');
  expect(json).toEqual({ Implements: ['NetworkDriver', 'IpamDriver'] });
});

test('plugin/install --root fills an image, which works; uninstall empties it again', async () => {
  const image = join(build.path, 'image');
  await mkdir(image);
  await run([join(packaged, 'plugin/install'), '--root', image, '--node', process.execPath]);
  const program = join(image, 'usr/local/lib/xnet');
  expect(await run([process.execPath, join(program, 'bin/xnet'), '--version'])).toBe(version());
  const unit = readFileSync(join(image, 'etc/systemd/system/xnet.service'), 'utf8');
  expect(unit).toContain(`\nExecStart=${process.execPath} /usr/local/lib/xnet/bin/xnet serve\n`);
  expect(unit).not.toContain('/opt/xnet');

  await run([join(program, 'plugin/uninstall'), '--purge', '--root', image]);
  expect(await run(['find', image, '-not', '-type', 'd'])).toBe('');
  expect(existsSync(program)).toBe(false);
});

test('plugin/install says what is wrong, and installs nothing', async () => {
  const install = join(CHECKOUT, 'plugin/install');
  const image = join(build.path, 'nothing');
  await mkdir(image);
  const refused = (...args: string[]) => refusalOf(run([install, '--root', image, ...args]));
  expect(await refused('--node', '/nowhere/node')).toContain(
    'there is no program /nowhere/node: install Node.js 20.11',
  );
  expect(await refused('--prefix', '/srv')).toContain("'--prefix' is not understood");
  expect(await refusalOf(run([install, '--root', `${image}/absent`]))).toContain(
    'there is no such directory',
  );
  await run(['mkdir', '-p', join(image, 'usr/lib/xnet')]);
  expect(await refused()).toContain('the Debian package xnet is installed');
  expect(await run(['find', image, '-not', '-type', 'd'])).toBe('');
});

function version(): string {
  return JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')).version;
}
