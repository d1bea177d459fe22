/** `test/chaos/run` is a program of its own: what it imports must not need jest, which runs only tests. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { expect, test } from '@jest/globals';

/** Of values: types are gone when it is compiled. */
const IMPORT = /^(?:import|export) (?!type )(?:[^;]*? from )?'([^']+)';/gms;

/** Modules outside the project that `file` imports, itself or through others, each with the file that does so. */
function packagesOf(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  return [...readFileSync(file, 'utf8').matchAll(IMPORT)].flatMap(([, name = '']) => {
    if (!name.startsWith('.')) return [`${name} in ${file.replace(`${resolve('.')}/`, '')}`];
    const source = resolve(dirname(file), name.replace(/\.js$/, '.ts'));
    return existsSync(source) ? packagesOf(source, seen) : [];
  });
}

test('the command of the chaos suite needs no jest', () => {
  const packages = packagesOf(resolve('test/chaos/main.ts'));
  expect(packages.length).toBeGreaterThan(10);
  expect(packages.filter((name) => name.startsWith('@jest/'))).toEqual([]);
});
