/** `npm ci` in a fresh clone: the README's commands and the Dockerfile begin with it. */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { CHECKOUT } from '../../support/lab/installed.js';
import { run } from '../../support/programs/command.js';

const MANIFESTS = ['package.json', 'package-lock.json'];

test.each(['10', '11'])(
  'npm %s takes the lock file and leaves it as it is',
  async (major) => {
    const directory = await mkdtemp(join(tmpdir(), 'xnet-npm-ci-'));
    try {
      for (const name of MANIFESTS) await cp(join(CHECKOUT, name), join(directory, name));
      const npm = ['npx', '--yes', `npm@${major}`, '--prefix', directory];
      expect(await run([...npm, 'ci', '--dry-run', '--no-audit', '--no-fund', '--loglevel=notice'])).toMatch(
        /added \d+ packages/,
      );
      for (const name of MANIFESTS) {
        expect(await readFile(join(directory, name), 'utf8')).toBe(
          await readFile(join(CHECKOUT, name), 'utf8'),
        );
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  },
  120_000,
);

test('the lock file has the optional packages of every platform', async () => {
  const { packages } = JSON.parse(await readFile(join(CHECKOUT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
    ),
  );
  expect(missing).toEqual([]);
});
