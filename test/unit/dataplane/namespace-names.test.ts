import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { NamespaceNames } from '../../../src/dataplane/kernel/namespace-names.js';
import { eventually } from '../../support/time/eventually.js';

test('names are reported again after their directory was removed and made anew', async () => {
  const directory = join(mkdtempSync(join(tmpdir(), 'xnet-names-')), 'netns');
  const seen: string[] = [];
  using names = new NamespaceNames(directory, (name) => seen.push(name));
  names.ensure();
  for (const name of ['first', 'second']) {
    mkdirSync(directory);
    names.ensure();
    writeFileSync(join(directory, name), '');
    await eventually(`${name} is reported`, () => seen.includes(name));
    rmSync(directory, { recursive: true });
    await eventually('so is that the directory is gone', () => seen.at(-1) === 'netns');
    seen.length = 0;
  }
  expect(seen).toEqual([]);
});
